import { labelled } from "@registry-packages-proxy/metrics/Labelled"
import { Metric } from "effect"

const prefix = "registry_packages_proxy"

/** A file's certificates: those that are served with, or the authorities of client certificates. */
const certificates = ["serving", "client-ca"] as const
export type Certificate = (typeof certificates)[number]

const tlsCertificateExpiry = Metric.gauge(`${prefix}_tls_certificate_expiry_timestamp_seconds`, {
  description:
    "When a certificate in use ends, in seconds since the epoch, the first of a file's: serving, client-ca."
})

const tlsCertificateBroken = Metric.gauge(`${prefix}_tls_certificate_broken`, {
  description:
    "1 while the files of a certificate hold what cannot be used and the one before serves, else 0: serving, client-ca."
})

const expiry = labelled(tlsCertificateExpiry, { certificate: certificates })
const broken = labelled(tlsCertificateBroken, { certificate: certificates })

/** When a certificate in use ends, in seconds since the epoch. */
export const certificateExpiry = (certificate: Certificate) => expiry({ certificate })

/** 1 while what the files hold cannot be used. */
export const certificateBroken = (certificate: Certificate) => broken({ certificate })

/** TLS handshakes that came to nothing. */
export const handshakeFailures = Metric.counter(`${prefix}_tls_handshake_failures_total`, {
  description: "TLS connections that ended before their handshake was done, by port scans and probes too.",
  incremental: true
})
