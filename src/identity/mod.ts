// Identity: who a node is, and how it proves it. Keys, certificates and their
// files; the one verifier of credentials; a cluster's first node. Other folders
// hold a NodeIdentity and ask verifyCredential; they never read certificates on
// their own.

export { finishSettingAside, setMembershipAside } from "./aside.ts";
export { createCluster } from "./authority.ts";
export * from "./call_chain.ts";
export * from "./call_chain_codec.ts";
export * from "./call_replays.ts";
export { addressField } from "./artefact_fields.ts";
export * from "./authority_proof.ts";
export { type Certificate, parseCertificate } from "./certificate.ts";
export { keyUsages } from "./certificate.ts";
export {
  certificatePem,
  type Credential,
  credentialFrom,
  credentialPem,
  encodeCredential,
  parseCertificatePem,
  parseCredential,
  parseCredentialPem,
} from "./credential.ts";
export { clockFault, clockToleranceMs, isoTime } from "./clock_fault.ts";
export * from "./credential_error.ts";
export * from "./extension.ts";
export { identityFiles } from "./files.ts";
export {
  type CertificateTemplate,
  commonName,
  issueAuthority,
  issueMember,
  type IssueNeeds,
  issueRoot,
  lifetimes,
  signCertificate,
} from "./issue.ts";
export {
  type PassphraseOptions,
  readKeyFile,
  SealedKeyError,
  writeKeyFile,
} from "./keys.ts";
export * from "./invite.ts";
export type { Bootstrap, InviteContext } from "./invite_context.ts";
export * from "./invite_token.ts";
export * from "./join_proof.ts";
export {
  installAuthority,
  openIdentity,
  replaceCredential,
  writeMembership,
} from "./membership.ts";
export {
  ensureAuthorityKey,
  newNodeKeys,
  type NodeKeys,
  prepareNodeKeys,
  readRootKey,
} from "./node_keys.ts";
export {
  type GrantedRights,
  hasRights,
  memberRights,
  renewalDueMs,
  renewOwnMember,
} from "./renewal.ts";
export type { DenyMode, RootSubject, RootVerdict } from "./root_body.ts";
export * from "./rights.ts";
export { missingRootStatements, type RootCopy } from "./rights_copies.ts";
export { projectRights, RightsProjector } from "./rights_projection.ts";
export {
  nameKey,
  type PropertiesJson,
  rightsEntryShape,
} from "./rights_shapes.ts";
export { isLastAdmin } from "./rights_standing.ts";
export * from "./root_statement.ts";
export * from "./signed_input.ts";
export * from "./tls.ts";
export {
  type HeldAuthority,
  type IdentityNeeds,
  isInitialised,
  type LoadedIdentity,
  loadIdentity,
  type Membership,
  type NodeIdentity,
  readMembership,
} from "./node_identity.ts";
export * from "./verify.ts";
