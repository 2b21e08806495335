import { labelled } from "@registry-packages-proxy/metrics/Labelled"
import { Metric } from "effect"

const prefix = "registry_packages_proxy"

/**
 * The values of the metric label `certificate`. `serving` is the listener's own certificate, and `client-ca` is the
 * file with the authorities of client certificates.
 */
const certificates = ["serving", "client-ca"] as const
export type CertificateLabel = (typeof certificates)[number]

const tlsCertificateExpiry = Metric.gauge(`${prefix}_tls_certificate_expiry_timestamp_seconds`, {
  description:
    "Earliest expiry of the certificates in use, in seconds since the epoch, by certificate: serving, client-ca."
})

const tlsCertificateBroken = Metric.gauge(`${prefix}_tls_certificate_broken`, {
  description:
    "1 while the files are invalid and the previous certificate stays in use, else 0; by certificate: serving, client-ca."
})

const expiry = labelled(tlsCertificateExpiry, { certificate: certificates })
const broken = labelled(tlsCertificateBroken, { certificate: certificates })

/** Returns the gauge of the earliest expiry of the certificates in use, in seconds since the epoch. */
export const certificateExpiry = (certificate: CertificateLabel) => expiry({ certificate })

/** Returns the gauge that is 1 while the certificate's files are invalid, else 0. */
export const certificateBroken = (certificate: CertificateLabel) => broken({ certificate })

/** Counts failed TLS handshakes. */
export const handshakeFailures = Metric.counter(`${prefix}_tls_handshake_failures_total`, {
  description: "TLS connections closed before the end of the handshake, including port scans and probes.",
  incremental: true
})
