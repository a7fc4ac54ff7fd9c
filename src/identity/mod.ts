// Identity: who a node is, and how it proves it. Keys, certificates and their
// files; the one verifier of credentials; a cluster's first node. Other folders
// hold a NodeIdentity and ask verifyCredential; they never read certificates on
// their own.

export { createCluster, renewalDueMs, renewOwnMember } from "./authority.ts";
export { type Certificate, parseCertificate } from "./certificate.ts";
export { keyUsages } from "./certificate.ts";
export {
  certificatePem,
  type Credential,
  credentialPem,
  encodeCredential,
  parseCertificatePem,
  parseCredential,
  parseCredentialPem,
} from "./credential.ts";
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
export { type PassphraseOptions, readKeyFile, writeKeyFile } from "./keys.ts";
export {
  type HeldAuthority,
  type IdentityNeeds,
  isInitialised,
  loadIdentity,
  type Membership,
  type NodeIdentity,
  readMembership,
} from "./node_identity.ts";
export * from "./verify.ts";
