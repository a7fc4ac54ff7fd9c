// What only the cluster's root can say, as one line of text that is carried to
// the root key and back: an admin's node writes a request, the machine with the
// root key signs it, any admin's node applies it. Requests and keys go in,
// statements come out; a foreign line comes out read and verified. It is valid
// in any document of the cluster, and must never depend on who carries it.

import {
  type Bytes,
  bytesField,
  type ClusterId,
  equalBytes,
  fixedBytesField,
  fromBase64url,
  idBytes,
  InputError,
  LimitError,
  limits,
  message,
  optionalField,
  toBase64url,
} from "../kernel/mod.ts";
import type { Ports, PrivateKey } from "../ports/mod.ts";
import { clusterField } from "./artefact_fields.ts";
import { isAuthorityProven } from "./authority_proof.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import { issueAuthority, type IssueNeeds } from "./issue.ts";
import {
  encodeRootBody,
  parseRootBody,
  type RootSubject,
  type RootVerdict,
} from "./root_body.ts";
import { signedInput } from "./signed_input.ts";
import { type ClusterRoot, verifyAuthority } from "./verify.ts";

/** What is asked of the root; `authority` is the candidate's public key. */
export type RootRequest =
  & {
    readonly cluster: ClusterId;
    /** Where there is an `authority`: its subject's, as a candidate's. */
    readonly authorityProof?: Bytes | undefined;
  }
  & RootSubject
  & RootVerdict<Bytes>;

/** What the root said; `authority` is the certificate that makes an admin. */
export type RootStatement =
  & { readonly cluster: ClusterId }
  & RootSubject
  & RootVerdict<Certificate>
  & {
    /** The line itself, as documents keep it and others verify it. */
    readonly text: string;
  };

const requestPrefix = "pln-root-request:";
const statementPrefix = "pln-root-statement:";

const bodyField = bytesField({ bytesMax: limits.rootStatementCharactersMax });
const rootRequest = message("root-request", 1, {
  cluster: clusterField,
  body: bodyField,
  authorityProof: optionalField(fixedBytesField(64)),
});
const rootStatement = message("root-statement", 1, {
  cluster: clusterField,
  body: bodyField,
  signature: fixedBytesField(64),
});

/**
 * One line, to be carried to the root key.
 *
 * @throws {InputError | LimitError} What no statement may say.
 */
export function encodeRootRequest(request: RootRequest): string {
  const { cluster, authorityProof } = request;
  checkKey(request);
  const body = encodeRootBody(request);
  const text = requestPrefix +
    toBase64url(rootRequest.encode({ cluster, body, authorityProof }));
  return checkLength(text, limits.rootRequestCharactersMax);
}

/**
 * Reads a request; whoever signs it must look at what it asks for.
 *
 * @throws {InputError | LimitError} No request, or damaged.
 */
export function parseRootRequest(text: string): RootRequest {
  const bytes = lineBytes(text, {
    prefix: requestPrefix,
    charactersMax: limits.rootRequestCharactersMax,
  });
  const { cluster, body, authorityProof } = rootRequest.decode(bytes, {
    bytesMax: bytes.length,
  });
  const request: RootRequest = {
    cluster,
    ...parseRootBody(body),
    ...(authorityProof === undefined ? {} : { authorityProof }),
  };
  checkKey(request);
  return request;
}

/** Form only: see `checkCandidate`. */
function checkKey(request: RootRequest): void {
  const key = authorityOf(request);
  const proof = request.authorityProof;
  if ((key === undefined) !== (proof === undefined)) {
    throw new InputError(
      key === undefined
        ? "A root request proves an authority key and names none"
        : "A root request does not prove whose its authority key is",
      { hint: anew },
    );
  }
  if (key === undefined) return;
  if (equalBytes(key, idBytes(request.subject))) {
    throw new InputError("A root request's authority key is an identity key");
  }
  if (key.length === 32) return;
  throw new InputError("A root request's authority key has not 32 bytes");
}

const anew = "Have it made again, by this version of pln";

function authorityOf(request: RootRequest): Bytes | undefined {
  return request.kind === "grant" ? request.authority : undefined;
}

/**
 * Whether the node that shall become an admin has itself signed the authority
 * key; harmless for requests that make none. Whoever wrote the request could
 * else have its own key certified in that node's name.
 *
 * @throws {InputError} It has not.
 */
export function checkCandidate(
  needs: Pick<Ports, "signer">,
  request: RootRequest,
): void {
  checkKey(request);
  const { cluster, subject: owner, authorityProof } = request;
  const authorityKey = authorityOf(request);
  if (authorityKey === undefined || authorityProof === undefined) return;
  const candidate = { authorityKey, authorityProof };
  if (isAuthorityProven(needs, candidate, { cluster, owner })) return;
  throw new InputError(
    `Node ${owner.slice(0, 8)} has not signed the authority key that the ` +
      `request says is its own`,
    { hint: "Do not sign this; ask that node for a request of its own" },
  );
}

function checkLength(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text;
  throw new LimitError(
    `The line takes ${text.length} characters, more than ${charactersMax}`,
    { hint: "Give fewer or shorter properties" },
  );
}

function lineBytes(
  text: string,
  options: { readonly prefix: string; readonly charactersMax: number },
): Bytes {
  const { prefix, charactersMax } = options;
  const bytes = text.startsWith(prefix) && text.length <= charactersMax
    ? fromBase64url(text.slice(prefix.length))
    : undefined;
  if (bytes !== undefined) return bytes;
  throw new InputError(`This is no whole line that begins with "${prefix}"`, {
    hint: "Copy the whole line, without spaces or line breaks",
  });
}

/**
 * Signs what a request asks for, and for a new admin issues its authority
 * certificate. For the machine that holds the root key, which need be no node.
 *
 * @throws {InputError} The request is of another cluster than the key, or its
 * subject has not signed the authority key.
 * @throws {DeniedError} The root certificate has expired.
 * @throws {LimitError} The statement is too long to be kept.
 */
export function signRootStatement(
  needs: IssueNeeds,
  options: {
    readonly request: RootRequest;
    readonly rootKey: PrivateKey;
    readonly root: ClusterRoot;
  },
): RootStatement {
  const { request, rootKey, root } = options;
  const { cluster } = request;
  const isOurs = cluster === root.cluster &&
    equalBytes(rootKey.publicKey, root.publicKey);
  if (!isOurs) {
    throw new InputError(
      `The request is for cluster ${cluster.slice(0, 8)}, and the root key ` +
        `is not that cluster's`,
      { hint: "Use the root key that the cluster was made with" },
    );
  }
  checkCandidate(needs, request);
  const atMs = needs.clock.wallMs();
  const verdict = certified(needs, options);
  const body = encodeRootBody({ ...request, ...verdict, atMs });
  const signature = needs.signer.sign(
    rootKey,
    signedInput("pln/root/1", cluster, body),
  );
  const text = statementPrefix +
    toBase64url(rootStatement.encode({ cluster, body, signature }));
  checkLength(text, limits.rootStatementCharactersMax);
  return verifyRootStatement(needs, { root, text });
}

/** The request's verdict with a certificate in the key's place. */
function certified(
  needs: IssueNeeds,
  options: {
    readonly request: RootRequest;
    readonly rootKey: PrivateKey;
    readonly root: ClusterRoot;
  },
): RootVerdict<Bytes> {
  const { request, rootKey, root } = options;
  if (request.kind !== "grant" || request.authority === undefined) {
    return request;
  }
  const certificate = issueAuthority(needs, {
    root,
    rootKey,
    publicKey: request.authority,
    admin: request.subject,
  });
  return { ...request, authority: certificate.der };
}

/**
 * Reads a statement and checks that the cluster's root signed it; permanent
 * facts only, so that all nodes judge it alike.
 *
 * @throws {InputError | LimitError} No statement, damaged, of another cluster,
 * or not signed by its root.
 * @throws {CredentialError} Its authority certificate is not to be believed.
 */
export function verifyRootStatement(
  needs: Pick<Ports, "signer">,
  options: { readonly root: ClusterRoot; readonly text: string },
): RootStatement {
  const { root, text } = options;
  const bytes = lineBytes(text, {
    prefix: statementPrefix,
    charactersMax: limits.rootStatementCharactersMax,
  });
  const { cluster, body, signature } = rootStatement.decode(bytes, {
    bytesMax: bytes.length,
  });
  if (cluster !== root.cluster) {
    throw new InputError(
      `The statement is of cluster ${cluster.slice(0, 8)}, ` +
        `not ${root.cluster.slice(0, 8)}`,
      { hint: 'Compare the cluster with the one that "pln id --json" shows' },
    );
  }
  const input = signedInput("pln/root/1", cluster, body);
  if (!needs.signer.verify(root.publicKey, input, signature)) {
    throw new InputError("The statement is not signed by the cluster's root", {
      hint: "Copy the whole line once more, or have it signed again",
    });
  }
  const said = parseRootBody(body);
  if (said.kind !== "grant") return { cluster, ...said, text };
  const { authority: der, ...grant } = said;
  if (der === undefined) return { cluster, ...grant, text };
  const certificate = parseCertificate(der);
  const check = { type: "permanent" } as const;
  const { admin } = verifyAuthority(needs, { root, certificate, check });
  if (admin !== said.subject) {
    throw new InputError("The statement's authority is another admin's");
  }
  return { cluster, ...grant, authority: certificate, text };
}
