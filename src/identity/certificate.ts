// The X.509 v3 profile of Pollen (RFC 5280, RFC 8410): Ed25519 only, one
// encoding per certificate, and only the extensions listed below. Foreign DER
// goes in, a view of it comes out; whether it may be believed is decided in
// verify.ts alone. @peculiar/x509 judges this file in its tests and is not used
// here: it truncates object ids above 2^53 when it writes, reads 20 times
// slower, and costs 12 MB and 48 ms to load. This must never accept two
// encodings of one certificate.

import {
  type Bytes,
  equalBytes,
  InputError,
  limits,
  toHex,
  utf8Text,
} from "../kernel/mod.ts";
import { DerReader, encodeDer, tags } from "./der.ts";
import { type Claims, claimsObjectId, parseClaims } from "./extension.ts";

/** Key usage bits (RFC 5280 section 4.2.1.3), as their octet holds them. */
export const keyUsages = { digitalSignature: 0x80, keyCertSign: 0x04 } as const;

/** What a certificate says; nothing of it is verified. */
export type Certificate = {
  readonly der: Bytes;
  /** The TBSCertificate, which the signature covers. */
  readonly signedPart: Bytes;
  readonly signature: Bytes;
  /** Hex of the serial number's octets. */
  readonly serial: string;
  /** DER Names; they are compared as bytes. */
  readonly issuer: Bytes;
  readonly subject: Bytes;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** 32 bytes. */
  readonly publicKey: Bytes;
  readonly mayCertify: boolean;
  readonly pathLength: number | undefined;
  readonly keyUsage: number;
  readonly dnsNames: readonly string[];
  readonly claims: Claims | undefined;
};

/** Content octets of the object ids 2.5.29.n. */
export const objectIds = {
  keyUsage: Uint8Array.of(0x55, 0x1d, 0x0f),
  subjectAltName: Uint8Array.of(0x55, 0x1d, 0x11),
  basicConstraints: Uint8Array.of(0x55, 0x1d, 0x13),
  commonName: Uint8Array.of(0x55, 0x04, 0x03),
  claims: claimsObjectId,
} as const;

/** AlgorithmIdentifier of Ed25519: 1.3.101.112 without parameters. */
export const ed25519Algorithm: Bytes = encodeDer(
  tags.sequence,
  encodeDer(tags.objectId, Uint8Array.of(0x2b, 0x65, 0x70)),
);

/** Content of INTEGER 2: X.509 version 3. */
export const versionThree: Bytes = Uint8Array.of(2);

type Extensions = Pick<
  Certificate,
  "mayCertify" | "pathLength" | "keyUsage" | "dnsNames" | "claims"
>;

function fault(why: string): InputError {
  return new InputError(`A certificate ${why}`);
}

/**
 * Reads one certificate; verifies nothing.
 *
 * @throws {InputError} Not DER, not of the profile, or with claims that are
 * malformed or of another format version.
 * @throws {LimitError} More properties than the limits allow.
 */
export function parseCertificate(bytes: Uint8Array): Certificate {
  if (bytes.length > limits.certificateBytesMax) {
    throw fault(
      `of ${bytes.length} bytes is over its limit of ` +
        `${limits.certificateBytesMax}`,
    );
  }
  const der = new Uint8Array(bytes); // the caller's buffer may change
  const outer = new DerReader(der);
  const whole = outer.nested(tags.sequence);
  outer.end();
  const signedPart = whole.element(tags.sequence);
  readAlgorithm(whole);
  const signature = readBitString(whole, 64);
  whole.end();
  return { der, signedPart, signature, ...parseSignedPart(signedPart) };
}

function parseSignedPart(signedPart: Bytes) {
  const reader = new DerReader(signedPart).nested(tags.sequence);
  const version = reader.nested(tags.version);
  if (!equalBytes(version.content(tags.integer), versionThree)) {
    throw fault("is not X.509 version 3");
  }
  version.end();
  const serial = readSerial(reader);
  readAlgorithm(reader);
  const issuer = reader.element(tags.sequence);
  const validity = reader.nested(tags.sequence);
  const notBeforeMs = validity.timeMs();
  const notAfterMs = validity.timeMs();
  validity.end();
  if (notAfterMs < notBeforeMs) throw fault("ends before it begins");
  const subject = reader.element(tags.sequence);
  const subjectKey = reader.nested(tags.sequence);
  readAlgorithm(subjectKey);
  const publicKey = readBitString(subjectKey, 32);
  subjectKey.end();
  const extensions = reader.nested(tags.extensions);
  const list = extensions.nested(tags.sequence);
  extensions.end();
  reader.end();
  return {
    serial,
    issuer,
    notBeforeMs,
    notAfterMs,
    subject,
    publicKey,
    ...parseExtensions(list),
  };
}

function readAlgorithm(reader: DerReader): void {
  if (!equalBytes(reader.element(tags.sequence), ed25519Algorithm)) {
    throw fault("does not use Ed25519");
  }
}

function readBitString(reader: DerReader, length: number): Bytes {
  const content = reader.content(tags.bitString);
  if (content.length !== length + 1 || content[0] !== 0) {
    throw fault(`has a key or signature that is not of ${length} bytes`);
  }
  return content.subarray(1);
}

function readSerial(reader: DerReader): string {
  const content = reader.content(tags.integer);
  const [first = 0x80, second = 0x80] = content;
  const isMinimal = first > 0 || second >= 0x80;
  if (first >= 0x80 || !isMinimal || content.length > 20) {
    throw fault("has no positive serial number of at most 20 bytes");
  }
  return toHex(content);
}

function parseExtensions(list: DerReader): Extensions {
  let found: Extensions = {
    mayCertify: false,
    pathLength: undefined,
    keyUsage: 0,
    dnsNames: [],
    claims: undefined,
  };
  const seen = new Set<string>();
  while (!list.isAtEnd) {
    const extension = list.nested(tags.sequence);
    const objectId = extension.content(tags.objectId);
    const isCritical = readTrue(extension);
    const value = extension.content(tags.octetString);
    extension.end();
    const id = toHex(objectId);
    if (seen.has(id)) throw fault("has an extension twice");
    seen.add(id);
    const parsed = parseExtension(objectId, value);
    if (parsed !== undefined) found = { ...found, ...parsed };
    else if (isCritical) throw fault("has an unknown critical extension");
  }
  return found;
}

/** BOOLEAN DEFAULT FALSE: DER writes it only when it is true. */
function readTrue(extension: DerReader): boolean {
  if (!extension.isNext(tags.boolean)) return false;
  const [value, ...more] = extension.content(tags.boolean);
  if (value === 0xff && more.length === 0) return true;
  throw fault("holds a boolean that is not DER");
}

/** Undefined for an extension that is not of the profile. */
function parseExtension(
  objectId: Bytes,
  value: Bytes,
): Partial<Extensions> | undefined {
  if (equalBytes(objectId, objectIds.claims)) {
    return { claims: parseClaims(value) };
  }
  if (equalBytes(objectId, objectIds.basicConstraints)) {
    return parseBasicConstraints(new DerReader(value));
  }
  if (equalBytes(objectId, objectIds.keyUsage)) {
    return { keyUsage: parseKeyUsage(new DerReader(value)) };
  }
  if (equalBytes(objectId, objectIds.subjectAltName)) {
    return { dnsNames: parseDnsNames(new DerReader(value)) };
  }
  return undefined;
}

function parseBasicConstraints(reader: DerReader): Partial<Extensions> {
  const content = reader.nested(tags.sequence);
  reader.end();
  const mayCertify = readTrue(content);
  if (!mayCertify) {
    content.end();
    return { mayCertify, pathLength: undefined };
  }
  if (content.isAtEnd) return { mayCertify, pathLength: undefined };
  const [pathLength = 0x80, ...more] = content.content(tags.integer);
  content.end();
  if (pathLength >= 0x80 || more.length > 0) {
    throw fault("has a path length that is not from 0 to 127");
  }
  return { mayCertify, pathLength };
}

/** The first octet of the bits; the profile has no use for the second. */
function parseKeyUsage(reader: DerReader): number {
  const [unused = 8, bits = 0, ...more] = reader.content(tags.bitString);
  reader.end();
  const isMinimal = unused < 8 && bits !== 0 &&
    bits % 2 ** (unused + 1) === 2 ** unused;
  if (!isMinimal || more.length > 0) {
    throw fault("has a key usage that is not of the profile");
  }
  return bits;
}

function parseDnsNames(reader: DerReader): readonly string[] {
  const names = reader.nested(tags.sequence);
  reader.end();
  const found: string[] = [];
  while (!names.isAtEnd) {
    const name = utf8Text(names.content(tags.dnsName)) ?? "";
    if (!/^[a-z0-9.-]{1,253}$/.test(name)) {
      throw fault("has a subject alternative name that is no DNS name");
    }
    found.push(name);
  }
  return found;
}
