import type { BoxPicture } from "./Boxes.ts"

/** The picture of registry-packages-proxy in a cluster. */
export const cluster: BoxPicture = {
  title: "In a cluster",
  description:
    "One pod on each master node, on the host's network. Nodes that bootstrap ask any master on port 4219 with a bearer token. The pod watches ModuleSource objects and one Secret for registry credentials, sends TokenReview and SubjectAccessReview to the API server, and pulls from registries. Prometheus collects metrics; a collector gets traces where one is set.",
  columnWidth: 206,
  columns: 4,
  rowGap: 76,
  boxes: {
    nodes: {
      title: "nodes",
      lines: ["bootstrap or update;", "no registry access, no password"],
      kind: "other",
      at: [0.25, 0]
    },
    kubelet: { title: "kubelet", lines: ["/healthz, /readyz"], kind: "other", at: [1.9, 0] },
    prometheus: { title: "Prometheus", lines: ["/metrics"], kind: "other", at: [3.1, 0] },
    pod: {
      title: "registry-packages-proxy",
      lines: ["HTTPS :4219 on the host's network", "before there is a cluster network"],
      at: [1, 1]
    },
    cache: { title: "cache", lines: ["1 GiB, a hard cap;", "restarts keep it"], kind: "port", at: [2.35, 1] },
    api: {
      title: "API server",
      lines: ["ModuleSource objects, RBAC,", "Secret deckhouse-registry"],
      kind: "other",
      at: [0, 2]
    },
    files: { title: "credentials files", lines: ["the same objects"], kind: "other", at: [1.05, 2] },
    registry: { title: "registries", lines: ["directly or by a proxy"], kind: "other", at: [1.95, 2] },
    collector: { title: "OpenTelemetry collector", lines: ["if OTEL_* is set"], kind: "other", at: [3.05, 2] }
  },
  arrows: [
    { from: "nodes", to: "pod", label: "GET /package, bearer token, any master", labelAt: 0.35 },
    { from: "kubelet", to: "pod" },
    { from: "prometheus", to: "pod" },
    { from: "pod", to: "cache" },
    { from: "pod", to: "api", label: "watch, reviews" },
    { from: "pod", to: "files", label: "or read" },
    { from: "pod", to: "registry", label: "pull once" },
    { from: "pod", to: "collector", label: "traces", dashed: true, labelAt: 0.6 }
  ],
  frames: [{ title: "each master node", around: ["pod", "cache"], isStacked: true }]
}
