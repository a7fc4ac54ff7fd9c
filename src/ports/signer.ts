// Cryptographic primitives as a port: sha256, Ed25519, and sealing under a
// passphrase. Signing and hashing are synchronous, so that the simulator stays
// deterministic. Keys never print.

/** An Ed25519 private key (RFC 8032). */
export interface PrivateKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** PKCS#8 DER (RFC 8410): a secret. */
  exportPkcs8(): Uint8Array<ArrayBuffer>;
}

/** A key works only with the adapter that made it; others assert. */
export interface Signer {
  /** 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer>;
  /** The key of 32 secret random bytes. */
  privateKey(secret: Uint8Array): PrivateKey;
  /** Undefined when the DER is no Ed25519 private key. */
  importPkcs8(der: Uint8Array): PrivateKey | undefined;
  /** 64 bytes. */
  sign(key: PrivateKey, message: Uint8Array): Uint8Array<ArrayBuffer>;
  /** False, never an exception, for malformed keys and signatures too. */
  verify(
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean;
  /**
   * Encrypts under a passphrase: scrypt N=2^17 r=8 p=1 (RFC 7914), then
   * AES-256-GCM; the result carries its parameters.
   *
   * @param options.random 28 random bytes: salt[16], nonce[12].
   */
  seal(
    secret: Uint8Array,
    passphrase: Uint8Array,
    options: { readonly random: Uint8Array },
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Undefined when the passphrase is wrong or the bytes were changed. */
  unseal(
    sealed: Uint8Array,
    passphrase: Uint8Array,
  ): Promise<Uint8Array<ArrayBuffer> | undefined>;
}
