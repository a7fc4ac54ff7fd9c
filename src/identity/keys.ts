// Private keys in files: PKCS#8 in PEM (RFC 5958, RFC 8410), mode 0600, or
// sealed under a passphrase. Keys go in and come out as the signer port's
// PrivateKey. It must never show key bytes or a passphrase in a message, and
// never use a key file that other users could have read.

import {
  DeniedError,
  InputError,
  LimitError,
  limits,
  utf8,
} from "../kernel/mod.ts";
import type { Ports, PrivateKey } from "../ports/mod.ts";
import {
  corruptFile,
  readIdentityFile,
  shellPath,
  shownPath,
} from "./files.ts";
import { encodePem, pemBlocks } from "./pem.ts";

const plainLabel = "PRIVATE KEY";
const sealedLabel = "POLLEN SEALED PRIVATE KEY";
const keyFileMode = 0o600;
const sealRandomBytes = 28;

/** The key is there, but opens with its passphrase only. */
export class SealedKeyError extends DeniedError {}

/** A passphrase; UTF-8, 1 to 1024 bytes. */
export type PassphraseOptions = { readonly passphrase?: Uint8Array };

/**
 * Writes a key file, sealed when a passphrase is given; atomic and durable.
 *
 * @throws {InputError | LimitError} The passphrase is empty or too long.
 * @throws {DiskError} The file system refused.
 */
export async function writeKeyFile(
  needs: Pick<Ports, "disk" | "random" | "signer">,
  path: string,
  options: PassphraseOptions & { readonly key: PrivateKey },
): Promise<void> {
  const { key, passphrase } = options;
  const pem = passphrase === undefined
    ? privateKeyPem(key)
    : encodePem(sealedLabel, await seal(needs, key.exportPkcs8(), passphrase));
  await needs.disk.writeAtomic(path, utf8(pem), { mode: keyFileMode });
}

/** A key as plain text: a secret, for TLS and for files of mode 0600. */
export function privateKeyPem(key: PrivateKey): string {
  return encodePem(plainLabel, key.exportPkcs8());
}

async function seal(
  needs: Pick<Ports, "random" | "signer">,
  der: Uint8Array,
  passphrase: Uint8Array,
): Promise<Uint8Array> {
  checkPassphrase(passphrase);
  const random = needs.random.bytes(sealRandomBytes);
  return await needs.signer.seal(der, passphrase, { random });
}

/** @throws {InputError | LimitError} Empty, or longer than the limit. */
export function checkPassphrase(passphrase: Uint8Array): void {
  if (passphrase.length === 0) {
    throw new InputError("The passphrase is empty", {
      hint: "Give one, or leave the option out for a key without one",
    });
  }
  if (passphrase.length > limits.passphraseBytesMax) {
    throw new LimitError(
      `The passphrase is over its limit of ${limits.passphraseBytesMax} bytes`,
    );
  }
}

/**
 * Reads a key file.
 *
 * @throws {SealedKeyError} It is sealed, and no passphrase was given.
 * @throws {DeniedError} Other users can read it, or the passphrase is wrong.
 * @throws {CorruptError} Missing, no regular file, or not a key.
 * @throws {DiskError} The file system refused.
 */
export async function readKeyFile(
  needs: Pick<Ports, "disk" | "signer">,
  path: string,
  options: PassphraseOptions = {},
): Promise<PrivateKey> {
  const { disk, signer } = needs;
  await checkFile(needs, path);
  const text = await readIdentityFile(disk, path, {
    bytesMax: limits.keyFileBytesMax,
  });
  const [block, ...more] = pemBlocks(text) ?? [];
  const isKey = block?.label === plainLabel || block?.label === sealedLabel;
  if (block === undefined || !isKey || more.length > 0) {
    throw corruptFile(disk, path, { why: "is not one private key in PEM" });
  }
  const der = block.label === plainLabel
    ? block.bytes
    : await unseal(needs, path, { ...options, sealed: block.bytes });
  const key = signer.importPkcs8(der);
  if (key !== undefined) return key;
  throw corruptFile(disk, path, { why: "holds no Ed25519 key" });
}

async function checkFile(
  needs: Pick<Ports, "disk">,
  path: string,
): Promise<void> {
  const { disk } = needs;
  const { type = "file", mode = keyFileMode } = await disk.stat(path) ?? {};
  // A link may lead to a device, whose mode is not the user's to change.
  if (type !== "file") {
    const why = type === "directory" ? "is a directory" : "is no regular file";
    throw corruptFile(disk, path, { why });
  }
  if ((mode & 0o077) === 0) return;
  const octal = mode.toString(8).padStart(4, "0");
  throw new DeniedError(
    `Other users can reach key file "${shownPath(disk, path)}" (mode ${octal})`,
    { hint: `chmod 600 ${shellPath(disk, path)}` },
  );
}

async function unseal(
  needs: Pick<Ports, "disk" | "signer">,
  path: string,
  options: PassphraseOptions & { readonly sealed: Uint8Array },
): Promise<Uint8Array> {
  const { disk, signer } = needs;
  const shown = shownPath(disk, path);
  if (options.passphrase === undefined) {
    throw new SealedKeyError(
      `Key file "${shown}" is sealed under a passphrase`,
      { hint: "Give it with --passphrase-file <file>" },
    );
  }
  checkPassphrase(options.passphrase);
  const der = await signer.unseal(options.sealed, options.passphrase);
  if (der !== undefined) return der;
  throw new DeniedError(`The passphrase does not open key file "${shown}"`, {
    hint: "Try again; if it is right, restore the file from a backup",
  });
}
