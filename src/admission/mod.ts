// Admission: how a node becomes a member and stays one. Joining with an invite,
// redeeming it at an admin or on the way to one, renewal of certificates, and
// what admins do: invites, grants, denials, and what only the root may say.

export type { AdminsConfig, AdminsNeeds, Decision } from "./admin_desk.ts";
export type { DenyOptions } from "./admin_denials.ts";
export type { ForgetOptions } from "./admin_forgets.ts";
export type { GrantChange } from "./admin_grants.ts";
export type {
  InviteMade,
  InviteOptions,
  InviteStatus,
} from "./admin_invites.ts";
export { Admins } from "./admins.ts";
export {
  enrol,
  type EnrolNeeds,
  type EnrolOptions,
  rememberCluster,
} from "./enrol.ts";
export {
  type EnrollContext,
  Enroller,
  type EnrollerConfig,
  type EnrollerNeeds,
} from "./enroller.ts";
export type { DialOptions } from "./bootstrap.ts";
export {
  joinCluster,
  type Joined,
  type JoinNeeds,
  type JoinOptions,
} from "./join.ts";
export type {
  AdmissionLink,
  AdmissionLinks,
  AdmissionMembers,
  AdmissionState,
  JoinCandidate,
  JoinDialing,
  RightsChange,
} from "./needs.ts";
export type { RenewalAlarm } from "./renewal_alarms.ts";
export {
  openRenewer,
  Renewer,
  type RenewerConfig,
  type RenewerNeeds,
} from "./renewer.ts";
