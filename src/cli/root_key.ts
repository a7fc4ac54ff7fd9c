// The cluster's root key on the command line: finding its file, opening it with
// a passphrase, and signing a request with it. Used by the decisions that only
// the root can make; nothing of it ever reaches a daemon, argv or a log.

import {
  type ClusterRoot,
  identityFiles,
  parseCertificatePem,
  parseRootRequest,
  readKeyFile,
  type RootRequest,
  type RootStatement,
  SealedKeyError,
  signRootStatement,
  verifyRoot,
} from "../identity/mod.ts";
import {
  type ClusterId,
  InputError,
  limits,
  NotFoundError,
  PlnError,
  utf8,
  utf8TextLossy,
} from "../kernel/mod.ts";
import { type Disk, DiskError, type PrivateKey } from "../ports/mod.ts";
import type { Invocation } from "./invocation.ts";
import { readPassphraseFile } from "./passphrase.ts";
import { readLineFrom } from "./typed_line.ts";

/** Where the root key is, what opens it, and what goes with it. */
export type RootKeyFlags = {
  readonly "root-key"?: string | undefined;
  readonly "root-certificate"?: string | undefined;
  readonly "passphrase-file"?: string | undefined;
};

/** A file as a disk of its directory and its name there. */
type Place = { readonly disk: Disk; readonly path: string };

/** What signs requests. */
export type OpenRootKey = {
  readonly rootKey: PrivateKey;
  readonly root: ClusterRoot;
};

/** A request as `pln root sign` takes it. @throws {InputError} It is none. */
export async function readRequest(
  invocation: Invocation,
  source: string,
): Promise<RootRequest> {
  return parseRootRequest(
    await readLineFrom(invocation, source, {
      charactersMax: limits.rootRequestCharactersMax,
      what: "root request",
      prefix: "pln-root-request:",
    }),
  );
}

/**
 * The root key of a cluster; undefined when none was named and the directory
 * has none.
 *
 * @throws {NotFoundError} A file that was named, or the certificate, is missing.
 * @throws {InputError} The certificate is another cluster's, or none.
 * @throws {DeniedError | CorruptError | DiskError} The key cannot be used.
 */
export async function findRootKey(
  invocation: Invocation,
  flags: RootKeyFlags,
  { cluster }: { readonly cluster: ClusterId },
): Promise<OpenRootKey | undefined> {
  const place = await placeOf(invocation, {
    named: flags["root-key"],
    path: identityFiles.rootKey,
  });
  if (await place.disk.stat(place.path) === undefined) {
    if (flags["root-key"] === undefined) return undefined;
    throw new NotFoundError(
      `There is no root key at ${place.disk.label}/${place.path}`,
      { hint: "Check what --root-key names" },
    );
  }
  const root = await readRoot(invocation, flags);
  if (root.cluster !== cluster) {
    throw new InputError(
      `The request is of cluster ${cluster.slice(0, 12)}, and the root ` +
        `certificate of ${root.cluster.slice(0, 12)}`,
      { hint: "Use key and certificate of the cluster: --dir, --root-key" },
    );
  }
  return { rootKey: await openKey(invocation, place, { flags }), root };
}

async function placeOf(
  invocation: Invocation,
  { named, path }: {
    readonly named: string | undefined;
    /** In the directory, when no file was named. */
    readonly path: string;
  },
): Promise<Place> {
  if (named === undefined) return { disk: await invocation.openDisk(), path };
  const absolute = invocation.resolve(named);
  const at = absolute.lastIndexOf("/");
  const name = absolute.slice(at + 1);
  if (/^(?:\.{0,2}|\.tmp-.*)$/s.test(name) || absolute.includes("\0")) {
    throw new InputError(`${JSON.stringify(named.slice(0, 40))} is no file`, {
      hint: "Name the file itself: --root-key /media/key/root.pem",
    });
  }
  const disk = await invocation.platform.openDisk(absolute.slice(0, at) || "/");
  return { disk, path: name };
}

async function openKey(
  invocation: Invocation,
  { disk, path }: Place,
  { flags }: { readonly flags: RootKeyFlags },
): Promise<PrivateKey> {
  const needs = { disk, signer: await invocation.platform.openSigner() };
  const file = flags["passphrase-file"];
  if (file !== undefined) {
    const passphrase = utf8(await readPassphraseFile(invocation, file));
    return await readKeyFile(needs, path, { passphrase });
  }
  try {
    return await readKeyFile(needs, path);
  } catch (cause) {
    const { terminal: { stdin }, isJson } = invocation;
    const canAsk = stdin.isTerminal && !isJson;
    if (!(cause instanceof SealedKeyError) || !canAsk) throw cause;
    const secret = true;
    const typed = await stdin.readLine("Passphrase of the root key: ", {
      secret,
    });
    return await readKeyFile(needs, path, { passphrase: utf8(typed ?? "") });
  }
}

/** The root's certificate: named, or the directory's. */
async function readRoot(
  invocation: Invocation,
  flags: RootKeyFlags,
): Promise<ClusterRoot> {
  const { disk, path } = await placeOf(invocation, {
    named: flags["root-certificate"],
    path: identityFiles.rootCertificate,
  });
  const shown = `${disk.label}/${path}`;
  const signer = await invocation.platform.openSigner();
  const bytesMax = limits.certificateFileBytesMax;
  const hint = "It is certs/root.pem of every node of the cluster: name it " +
    "with --root-certificate";
  try {
    const text = utf8TextLossy(await disk.read(path, { bytesMax }));
    return verifyRoot({ signer }, parseCertificatePem(text));
  } catch (cause) {
    const fault = cause instanceof DiskError ? cause.fault : undefined;
    if (fault === "not-found") {
      throw new NotFoundError(`There is no root certificate at ${shown}`, {
        cause,
        hint,
      });
    }
    const isReadable = fault === undefined || fault === "too-large";
    if (!(cause instanceof PlnError) || !isReadable) throw cause;
    throw new InputError(`${shown} is no root certificate: ${cause.message}`, {
      cause,
      hint,
    });
  }
}

/** @throws {InputError} The request is of another cluster than the key. */
export async function signRequest(
  { platform }: Invocation,
  request: RootRequest,
  { key }: { readonly key: OpenRootKey },
): Promise<RootStatement> {
  const [clock, random, signer] = await Promise.all([
    platform.openClock(),
    platform.openRandom(),
    platform.openSigner(),
  ]);
  return signRootStatement({ clock, random, signer }, { request, ...key });
}
