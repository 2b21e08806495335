/**
 * Values that the chart's JSON Schema rejects. `errorIncludes` is a part of helm's error message. The unit tests check
 * the values with a JSON Schema validator, and the end-to-end tests check them with helm.
 */
export const invalidValues: ReadonlyArray<{
  readonly path: string
  readonly value: unknown
  readonly errorIncludes: string
}> = [
  { path: "replica", value: 3, errorIncludes: "at '': additional properties 'replica' not allowed" },
  { path: "replicas", value: "three", errorIncludes: "at '/replicas': got string, want null or integer" },
  { path: "replicas", value: 0, errorIncludes: "at '/replicas': minimum: got 0, want 1" },
  {
    path: "highAvailability",
    value: "yes",
    errorIncludes: "at '/highAvailability': got string, want null or boolean"
  },
  {
    path: "accessControl.mode",
    value: "none",
    errorIncludes: "at '/accessControl/mode': value must be one of 'builtin', 'kubeRbacProxy'"
  },
  {
    path: "cache.size",
    value: "1Gib",
    errorIncludes: "at '/cache/size': '1Gib' does not match pattern 'a quantity of bytes"
  },
  { path: "cache.size", value: 0, errorIncludes: "at '/cache/size': minimum: got 0, want 1" },
  {
    path: "image.digest",
    value: "abc",
    errorIncludes: "at '/image/digest': 'abc' does not match pattern 'sha256: and 64 hex digits"
  },
  {
    path: "clientCA",
    value: "/etc/ca.crt",
    errorIncludes: "at '/clientCA': '/etc/ca.crt' does not match pattern 'PEM certificates"
  },
  {
    path: "podMonitor.enabled",
    value: "maybe",
    errorIncludes: "at '/podMonitor/enabled': value must be one of 'auto', true, false"
  },
  {
    path: "podMonitor.enable",
    value: true,
    errorIncludes: "at '/podMonitor': additional properties 'enable' not allowed"
  },
  {
    path: "telemetry.env.ENDPOINT",
    value: "x",
    errorIncludes: "at '/telemetry/env': additional properties 'ENDPOINT' not allowed"
  },
  {
    path: "telemetry.env.OTEL_EXPORTER_OTLP_ENDPONT",
    value: "http://collector:4318",
    errorIncludes: "at '/telemetry/env': additional properties 'OTEL_EXPORTER_OTLP_ENDPONT' not allowed"
  },
  {
    path: "telemetry.env.OTEL_EXPORTER_OTLP_HEADERS",
    value: { secretRef: { name: "otel", key: "headers" } },
    errorIncludes:
      "at '/telemetry/env/OTEL_EXPORTER_OTLP_HEADERS': additional properties 'secretRef' not allowed"
  },
  {
    path: "resources.requests.memory",
    value: "128MB",
    errorIncludes: "at '/resources/requests/memory': '128MB' does not match pattern 'a Kubernetes quantity"
  },
  {
    path: "tolerations",
    value: [{ keys: "a" }],
    errorIncludes: "at '/tolerations/0': additional properties 'keys' not allowed"
  },
  {
    path: "extraArgs",
    value: ["platform"],
    errorIncludes: "at '/extraArgs/0': 'platform' does not match pattern 'a flag"
  },
  {
    path: "credentialsFile.secretName",
    value: "My_Secret",
    errorIncludes:
      "at '/credentialsFile/secretName': 'My_Secret' does not match pattern 'the name of an object"
  },
  {
    path: "discovery.endpoints",
    value: ["master"],
    errorIncludes: "at '/discovery/endpoints/0': 'master' does not match pattern 'a host and its port"
  },
  {
    path: "verticalPodAutoscaler.updateMode",
    value: "Auto",
    errorIncludes:
      "at '/verticalPodAutoscaler/updateMode': value must be one of 'InPlaceOrRecreate', 'Recreate', 'Initial', 'Off'"
  }
]
