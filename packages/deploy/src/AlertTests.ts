import { dump } from "js-yaml"
import { type Alert, readAlerts } from "./Alerts.ts"

/**
 * Time series for a promtool test. A key is the name and the labels of one time series. The value has one sample per
 * minute, in promtool's notation.
 */
type SeriesByName = Readonly<Record<string, string>>

/** A test of one alert. The alert must fire with the series `fires`, and must stay silent with the series `silent`. */
export interface AlertTest {
  readonly fires: SeriesByName
  /** The expected labels of the firing alert, except `severity`. */
  readonly labels: Readonly<Record<string, string>>
  readonly summary: string
  /** Time series that almost meet the alert's condition. With these series, the alert must not fire. */
  readonly silent: SeriesByName
}

const instance = 'instance="10.0.0.1:4219"'
const prefix = "registry_packages_proxy"
const requests = (code: string): string =>
  `${prefix}_requests_total{handler="package",method="GET",code="${code}",${instance}}`
const firstByte = (cache: string, le: string): string =>
  `${prefix}_request_first_byte_seconds_bucket{cache="${cache}",le="${le}",${instance}}`
const reviews = (outcome: string): string =>
  `${prefix}_access_review_seconds_count{review="TokenReview",outcome="${outcome}",${instance}}`
const expiry = `${prefix}_tls_certificate_expiry_timestamp_seconds{certificate="serving",${instance}}`
const up = 'up{job="registry-packages-proxy",instance="10.0.0.1:4219"}'
const deployment = 'namespace="d8-cloud-instance-manager",deployment="registry-packages-proxy"'

/** The test of each alert, by the alert's name. promtool evaluates the alert 100 minutes after the first sample. */
export const alertTests: Readonly<Record<string, AlertTest>> = {
  RegistryPackagesProxyAbsent: {
    fires: { [up]: "1x5 0x120" },
    labels: {},
    summary: "No replica of registry-packages-proxy can be scraped",
    silent: { [up]: "0x98 1x20", 'up{job="registry-packages-proxy",instance="10.0.0.2:4219"}': "1x96 0x20" }
  },
  RegistryPackagesProxyNotReady: {
    fires: { [`${prefix}_ready{${instance}}`]: "1x5 0x120" },
    labels: { instance: "10.0.0.1:4219" },
    summary: "A replica of registry-packages-proxy is not ready",
    silent: {
      [`${prefix}_ready{${instance}}`]: "1x95 0x30",
      [`kube_deployment_spec_replicas{${deployment}}`]: "3x120",
      [`kube_deployment_status_replicas_ready{${deployment}}`]: "3x95 2x30"
    }
  },
  RegistryPackagesProxyErrors: {
    fires: { [requests("200")]: "0+90x120", [requests("502")]: "0+10x120" },
    labels: { code: "502" },
    summary: "10% of package requests get 502",
    silent: {
      [requests("200")]: "0+90x120",
      [requests("502")]: "0+3x120",
      [requests("503")]: "0x97 0+50x3",
      [requests("404")]: "0+90x120"
    }
  },
  RegistryPackagesProxyFirstByteSlow: {
    fires: {
      [firstByte("hit", "0.1")]: "0+10x120",
      [firstByte("hit", "2.5")]: "0+20x120",
      [firstByte("hit", "+Inf")]: "0+20x120"
    },
    labels: {},
    summary: "The first byte of cached packages takes 2.26s",
    silent: {
      [firstByte("memory", "0.1")]: "0+99x120",
      [firstByte("memory", "2.5")]: "0+100x120",
      [firstByte("memory", "+Inf")]: "0+100x120",
      [firstByte("miss", "0.1")]: "0x120",
      [firstByte("miss", "60")]: "0+10x120",
      [firstByte("miss", "+Inf")]: "0+10x120"
    }
  },
  RegistryPackagesProxyMissesSlow: {
    fires: {
      [firstByte("miss", "30")]: "0+10x120",
      [firstByte("miss", "60")]: "0+20x120",
      [firstByte("miss", "+Inf")]: "0+20x120"
    },
    labels: {},
    summary: "The first byte of packages that are not cached takes 57s",
    silent: {
      [firstByte("miss", "30")]: "0+99x120",
      [firstByte("miss", "60")]: "0+100x120",
      [firstByte("miss", "+Inf")]: "0+100x120"
    }
  },
  RegistryPackagesProxyCredentialsOutOfTouch: {
    fires: { [`${prefix}_credentials_feeds_out_of_touch{${instance}}`]: "0x5 1x120" },
    labels: { instance: "10.0.0.1:4219" },
    summary: "10.0.0.1:4219 does not receive changes of registry credentials",
    silent: { [`${prefix}_credentials_feeds_out_of_touch{${instance}}`]: "0x90 1x5 0x2 1x10" }
  },
  RegistryPackagesProxyCredentialsBroken: {
    fires: { [`${prefix}_credentials_errors{${instance}}`]: "0x5 2x120" },
    labels: {},
    summary: "2 objects with registry credentials are invalid",
    silent: { [`${prefix}_credentials_errors{${instance}}`]: "0x90 1x20" }
  },
  RegistryPackagesProxyCacheDegraded: {
    fires: { [`${prefix}_cache_degraded{${instance}}`]: "0x5 1x120" },
    labels: { instance: "10.0.0.1:4219" },
    summary: "The cache of 10.0.0.1:4219 does not work",
    silent: { [`${prefix}_cache_degraded{${instance}}`]: "0x97 1x20" }
  },
  RegistryPackagesProxyCacheThrashing: {
    fires: {
      [`${prefix}_cache_evictions_total{reason="cap",${instance}}`]: "0+2x120",
      [`${prefix}_cache_entries{${instance}}`]: "40x120"
    },
    labels: { instance: "10.0.0.1:4219" },
    summary: "The cache of 10.0.0.1:4219 is too small for the requested packages",
    silent: {
      // Each of the 40 packages is evicted once, as in an update that replaces all packages.
      [`${prefix}_cache_evictions_total{reason="cap",${instance}}`]: "0x60 0+1x40 40x60",
      [`${prefix}_cache_entries{${instance}}`]: "40x120"
    }
  },
  RegistryPackagesProxyCertificateExpiring: {
    // promtool's time begins at 0. 100 minutes are 6000 seconds.
    fires: { [expiry]: `${6000 + 3 * 24 * 3600}x120` },
    labels: { instance: "10.0.0.1:4219", certificate: "serving" },
    summary: "The serving certificate of 10.0.0.1:4219 expires in 3d 0h 0m 0s",
    silent: { [expiry]: `${6000 + 8 * 24 * 3600}x120` }
  },
  RegistryPackagesProxyCertificateBroken: {
    fires: { [`${prefix}_tls_certificate_broken{certificate="client-ca",${instance}}`]: "0x5 1x120" },
    labels: { instance: "10.0.0.1:4219", certificate: "client-ca" },
    summary: "The files of the client-ca certificate of 10.0.0.1:4219 are invalid",
    silent: { [`${prefix}_tls_certificate_broken{certificate="client-ca",${instance}}`]: "0x92 1x5 0x30" }
  },
  RegistryPackagesProxyAuthorizationFailing: {
    fires: { [reviews("answered")]: "0+10x120", [reviews("Unreachable")]: "0+10x120" },
    labels: { review: "TokenReview", outcome: "Unreachable" },
    summary: "50% of TokenReviews fail: Unreachable",
    silent: { [reviews("answered")]: "0+10x120", [reviews("Unreachable")]: "0+1x120" }
  },
  RegistryPackagesProxyMemoryNearLimit: {
    fires: {
      [`process_resident_memory_bytes{job="registry-packages-proxy",${instance}}`]: "250e6x120",
      [`${prefix}_memory_limit_bytes{job="registry-packages-proxy",${instance}}`]: "256e6x120"
    },
    labels: { instance: "10.0.0.1:4219" },
    summary: "10.0.0.1:4219 uses 97.66% of its memory limit",
    silent: {
      [`process_resident_memory_bytes{job="registry-packages-proxy",${instance}}`]: "200e6x120",
      [`${prefix}_memory_limit_bytes{job="registry-packages-proxy",${instance}}`]: "256e6x120",
      [`process_resident_memory_bytes{job="registry-packages-proxy",instance="10.0.0.2:4219"}`]: "900e6x120"
    }
  },
  RegistryPackagesProxyTelemetryLost: {
    fires: { [`${prefix}_telemetry_lost_total{signal="traces",${instance}}`]: "0+5x120" },
    labels: { signal: "traces" },
    summary: "traces of registry-packages-proxy do not reach their collector",
    silent: { [`${prefix}_telemetry_lost_total{signal="traces",${instance}}`]: "0x30 0+5x3 15x120" }
  }
}

const series = (byName: SeriesByName) =>
  Object.entries(byName).map(([series, values]) => ({ series, values }))

const evaluation = "100m"

const caseOf = ({ alert, annotations, labels: { severity } }: Alert, test: AlertTest) => [
  {
    name: `${alert} fires`,
    interval: "1m",
    input_series: series(test.fires),
    alert_rule_test: [
      {
        eval_time: evaluation,
        alertname: alert,
        exp_alerts: [
          {
            exp_labels: { severity, ...test.labels },
            exp_annotations: { ...annotations, summary: test.summary }
          }
        ]
      }
    ]
  },
  {
    name: `${alert} stays silent`,
    interval: "1m",
    input_series: series(test.silent),
    alert_rule_test: [{ eval_time: evaluation, alertname: alert, exp_alerts: [] }]
  }
]

/**
 * Returns the YAML text of a test file for `promtool test rules`. `rulesFile` is the path of the alerting rules. Each
 * alert has a test in which it must fire, and a test in which it must stay silent.
 */
export const promtoolFile = (rulesFile: string): string =>
  dump({
    rule_files: [rulesFile],
    evaluation_interval: "1m",
    tests: readAlerts().flatMap((alert) => {
      const test = alertTests[alert.alert]
      return test === undefined ? [] : caseOf(alert, test)
    })
  })
