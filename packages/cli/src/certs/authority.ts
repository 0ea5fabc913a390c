// A certificate authority of one cluster, for as long as it takes to issue the cluster's certificates. Its key is never written:
// whoever could sign with it could be any process of the cluster.
import { randomBytes, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type Extension,
  type X509Certificate,
} from '@peculiar/x509';
import { roleName, type ClusterRole } from '@millrace/common/node';

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' } as const;
/** Clocks of machines differ. */
const CLOCK_SKEW_MS = 60 * 60 * 1_000;
const DAY_MS = 24 * 60 * 60 * 1_000;

cryptoProvider.set(webcrypto);

/** From when on a certificate is valid, and for how long. */
export interface Validity {
  readonly fromMs: number;
  readonly days: number;
}

/** PEM texts. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly privateKey: string;
}

/** Issues certificates of roles. */
export class Authority {
  readonly #certificate: X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;

  private constructor(certificate: X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.#certificate = certificate;
    this.#keys = keys;
  }

  /** Makes an authority that nobody has seen before. */
  static async create(validity: Validity): Promise<Authority> {
    const keys = await makeKeys();
    const certificate = await X509CertificateGenerator.createSelfSigned({
      ...numberAndDates(validity),
      name: 'CN=Millrace cluster',
      keys,
      signingAlgorithm: SIGNING_ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new Authority(certificate, keys);
  }

  /** Its certificate, in PEM form. */
  get certificate(): string {
    return this.#certificate.toString('pem');
  }

  /** Issues one for a role, with a key of its own. */
  async issue(role: ClusterRole, validity: Validity): Promise<IssuedCertificate> {
    const keys = await makeKeys();
    const certificate = await X509CertificateGenerator.create({
      ...numberAndDates(validity),
      subject: `CN=Millrace ${role}`,
      issuer: this.#certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: SIGNING_ALGORITHM,
      extensions: extensionsOf(role),
    });
    const privateKey = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return { certificate: certificate.toString('pem'), privateKey: toPem('PRIVATE KEY', privateKey) };
  }
}

function extensionsOf(role: ClusterRole): Extension[] {
  const usages = [ExtendedKeyUsage.clientAuth];
  if (role !== 'cli') usages.push(ExtendedKeyUsage.serverAuth);
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension(usages),
    new SubjectAlternativeNameExtension([{ type: 'dns', value: roleName(role) }]),
  ];
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEY_ALGORITHM, true, [
    'sign',
    'verify',
  ]) as Promise<webcrypto.CryptoKeyPair>;
}

function numberAndDates({ fromMs, days }: Validity) {
  const number = randomBytes(16);
  number[0] = (number[0] ?? 0) & 0x7f; // Serial numbers are positive.
  return {
    serialNumber: number.toString('hex'),
    notBefore: new Date(fromMs - CLOCK_SKEW_MS),
    notAfter: new Date(fromMs + days * DAY_MS),
  };
}

function toPem(label: string, bytes: ArrayBuffer): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
