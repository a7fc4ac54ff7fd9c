// Certificates for TLS servers of tests, made anew in each run: an authority
// of its own and what it certifies. In go names and dates; out comes PEM.

import "reflect-metadata";
import * as x509 from "@peculiar/x509";

export type ServerIdentity = { readonly cert: string; readonly key: string };

export type CertifyOptions = {
  readonly names?: readonly string[];
  readonly addresses?: readonly string[];
  readonly notAfter?: Date;
};

const algorithm = {
  name: "ECDSA",
  namedCurve: "P-256",
  hash: "SHA-256",
} as const;
const dayMs = 86_400_000;

export class TestAuthority {
  readonly pem: string;
  readonly #certificate: x509.X509Certificate;
  readonly #key: CryptoKey;

  private constructor(certificate: x509.X509Certificate, key: CryptoKey) {
    this.pem = certificate.toString("pem");
    this.#certificate = certificate;
    this.#key = key;
  }

  static async create(): Promise<TestAuthority> {
    const keys = await crypto.subtle.generateKey(algorithm, true, [
      "sign",
      "verify",
    ]);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: "01",
      name: "CN=Test Authority",
      notBefore: new Date(Date.now() - 10 * dayMs),
      notAfter: new Date(Date.now() + dayMs),
      signingAlgorithm: algorithm,
      keys,
      extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
    });
    return new TestAuthority(certificate, keys.privateKey);
  }

  async certify(options: CertifyOptions): Promise<ServerIdentity> {
    const keys = await crypto.subtle.generateKey(algorithm, true, [
      "sign",
      "verify",
    ]);
    const names = (options.names ?? []).map((value) =>
      ({ type: "dns", value }) as const
    );
    const addresses = (options.addresses ?? []).map((value) =>
      ({ type: "ip", value }) as const
    );
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: "02",
      subject: "CN=server",
      issuer: this.#certificate.subject,
      notBefore: new Date(Date.now() - 5 * dayMs),
      notAfter: options.notAfter ?? new Date(Date.now() + dayMs),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: this.#key,
      extensions: [
        new x509.SubjectAlternativeNameExtension([...names, ...addresses]),
      ],
    });
    const der = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
    return {
      cert: certificate.toString("pem"),
      key: x509.PemConverter.encode(der, "PRIVATE KEY"),
    };
  }
}
