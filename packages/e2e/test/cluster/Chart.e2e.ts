import { assert, layer } from "@effect/vitest"
import * as Alerts from "@registry-packages-proxy/deploy/Alerts"
import * as AlertTests from "@registry-packages-proxy/deploy/AlertTests"
import { chartDirectory } from "@registry-packages-proxy/deploy/Chart"
import { invalidValues } from "@registry-packages-proxy/deploy/InvalidValues"
import { Console, Effect, FileSystem, Path } from "effect"
import { optionalApis, ChartFixture, parseObjects } from "../../src/cluster/ChartFixture.ts"
import * as Helm from "../../src/cluster/Helm.ts"
import * as Manifests from "../../src/cluster/Manifests.ts"
import * as Command from "../../src/run/Command.ts"
import { showLogsOnFailure } from "../../src/machine/Logs.ts"
import * as ServerBuild from "../../src/run/ServerBuild.ts"
import { layerOptions } from "../../src/fixtures/RegistryFixture.ts"

type Json = Readonly<Record<string, unknown>>

const pem = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
const sidecar = {
  accessControl: { mode: "kubeRbacProxy", kubeRbacProxy: { image: "kube-rbac-proxy:v0.21.0" } }
}
const everything = {
  image: { repository: "registry.example.com/rpp", digest: `sha256:${"0".repeat(64)}` },
  imagePullSecrets: [{ name: "pull" }],
  replicas: 5,
  clientCA: pem,
  extraCA: pem,
  servingCertificate: {
    certManager: { enabled: true, issuerRef: { name: "internal" } },
    names: ["packages.example.com", "192.0.2.7"]
  },
  proxy: { httpProxy: "http://proxy:3128", httpsProxy: "http://proxy:3128", noProxy: "10.0.0.0/8" },
  credentialsFile: { secretName: "registries" },
  telemetry: {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
      OTEL_EXPORTER_OTLP_HEADERS: { secretKeyRef: { name: "otel", key: "headers" } },
      OTEL_SERVICE_NAME: { configMapKeyRef: { name: "otel", key: "name" } },
      OTEL_RESOURCE_ATTRIBUTES: { fieldRef: { fieldPath: "metadata.annotations['note']" } },
      OTEL_BSP_MAX_QUEUE_SIZE: 1_000_000
    }
  },
  extraArgs: ["--platform=linux/arm64"],
  podLabels: { team: "platform" },
  podAnnotations: { note: "x" },
  rbac: { packages: [{ kind: "Group", name: "admins", apiGroup: "rbac.authorization.k8s.io" }] },
  discovery: { endpoints: ["192.0.2.1:4219"] },
  networkPolicy: { from: [{ ipBlock: { cidr: "10.0.0.0/8" } }] },
  tlsRoute: {
    enabled: true,
    hostnames: ["packages.example.com"],
    parentRefs: [{ name: "public", namespace: "gateways" }]
  }
}

/** Values of the chart, by purpose. The API server validates the objects that helm renders with each of them. */
const matrix: Readonly<Record<string, Json>> = {
  "the defaults": {},
  "high availability": { highAvailability: true },
  "no certificate": { servingCertificate: { generated: { enabled: false } } },
  "a given certificate": {
    servingCertificate: { secretName: "mine" },
    clientCAConfigMap: "kube-root-ca.crt"
  },
  IPv6: { ipFamily: "IPv6" },
  "kube-rbac-proxy": sidecar,
  everything: everything,
  "everything with kube-rbac-proxy": { ...everything, ...sidecar }
}

/** Renders the chart for a cluster with every optional API. */
const render = Effect.fnUntraced(function* (values: Json) {
  const { helm } = yield* ChartFixture
  const fs = yield* FileSystem.FileSystem
  const file = yield* fs.makeTempFileScoped({ suffix: ".json" })
  yield* fs.writeFileString(file, JSON.stringify(values))
  return yield* helm.run(
    "template",
    Helm.releaseName,
    chartDirectory,
    "--values",
    file,
    ...optionalApis.flatMap((api) => ["--api-versions", api])
  )
}, Effect.scoped)

const kinds = (objects: ReadonlyArray<Json>): ReadonlyArray<unknown> => objects.map(({ kind }) => kind)

layer(ChartFixture.layer, layerOptions)("The chart", (it) => {
  it.effect("passes helm's strict lint", () =>
    Effect.gen(function* () {
      const { helm } = yield* ChartFixture
      yield* Console.log(yield* helm.run("lint", "--strict", chartDirectory))
    }).pipe(showLogsOnFailure)
  )

  it.effect("passes its unit tests", () =>
    Effect.gen(function* () {
      yield* Console.log(
        yield* Command.run(yield* ServerBuild.buildServer("helm-unittest"), [chartDirectory])
      )
    }).pipe(showLogsOnFailure)
  )

  for (const { path, errorIncludes, value } of invalidValues) {
    it.effect(`refuses ${path} ${JSON.stringify(value)} and names the path`, () =>
      Effect.gen(function* () {
        const values = path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value)
        const { message } = yield* Effect.flip(render(values as Json))
        assert.include(message, errorIncludes)
      }).pipe(showLogsOnFailure)
    )
  }

  for (const [name, values] of Object.entries(matrix)) {
    it.effect(`renders objects that pass the API server's strict validation: ${name}`, () =>
      Effect.gen(function* () {
        const { admin } = yield* ChartFixture
        const objects = yield* parseObjects(yield* render(values))
        assert.isAbove(objects.length, 12)
        for (const object of objects) yield* admin.dryRun(object)
      }).pipe(showLogsOnFailure)
    )
  }

  it.effect("renders an object of every optional API", () =>
    Effect.gen(function* () {
      const objects = yield* parseObjects(yield* render(everything))
      for (const api of optionalApis) {
        assert.include(kinds(objects), api.split("/").at(-1))
      }
      const { admin } = yield* ChartFixture
      const refused = yield* Effect.flip(
        admin.dryRun({ ...objects.find(({ kind }) => kind === "PodMonitor"), spce: {} })
      )
      assert.match(refused.message, /spce/)
    }).pipe(showLogsOnFailure)
  )

  it.effect("renders the alerts and the dashboard unchanged, and promtool accepts the alerts", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const objects = yield* parseObjects(yield* render({}))
      const rule = objects.find(({ kind }) => kind === "PrometheusRule")
      assert.isDefined(rule)
      const rendered = rule["spec"] as { readonly groups: ReadonlyArray<{ readonly rules: unknown }> }
      assert.deepStrictEqual(
        rendered.groups.map(({ rules }) => rules),
        [Alerts.readAlerts()]
      )
      const directory = yield* fs.makeTempDirectoryScoped()
      const [rules, tests] = [path.join(directory, "rules.json"), path.join(directory, "tests.yaml")]
      // promtool reads YAML, and JSON is valid YAML.
      yield* fs.writeFileString(rules, JSON.stringify(rendered))
      yield* fs.writeFileString(tests, AlertTests.promtoolFile(rules))
      yield* Command.run("promtool", ["check", "rules", "--lint=all", rules])
      yield* Command.run("promtool", ["test", "rules", tests])

      const dashboard = objects.find(({ metadata }) => JSON.stringify(metadata).includes("-dashboard"))
      const file = yield* fs.readFileString(path.join(chartDirectory, "files/dashboard.json"))
      assert.deepStrictEqual(dashboard?.["data"], {
        "registry-packages-proxy.json": `${file.trimEnd()}\n`
      })
    }).pipe(Effect.scoped, showLogsOnFailure)
  )

  for (const [name, values] of Object.entries({ builtin: {}, kubeRbacProxy: sidecar })) {
    it.effect(`violates Pod Security's restricted level by hostNetwork and hostPort only (${name})`, () =>
      Effect.gen(function* () {
        const { admin } = yield* ChartFixture
        const namespace = `restricted-${name.toLowerCase()}`
        yield* admin.apply({
          apiVersion: "v1",
          kind: "Namespace",
          metadata: { name: namespace, labels: { "pod-security.kubernetes.io/enforce": "restricted" } }
        })
        yield* admin.apply({
          apiVersion: "v1",
          kind: "ServiceAccount",
          metadata: { name: Helm.releaseName, namespace }
        })
        const deployment = (yield* parseObjects(yield* render(values))).find(
          ({ kind }) => kind === "Deployment"
        )
        assert.isDefined(deployment)
        const { spec } = (deployment["spec"] as { readonly template: { readonly spec: Json } }).template
        const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "judged", namespace }, spec }
        const { message, status } = yield* Effect.flip(admin.dryRun(pod))
        assert.strictEqual(status, 403)
        const [, violations = ""] =
          /violates PodSecurity \\"restricted:latest\\": (.*?)","/.exec(message) ?? []
        assert.match(
          violations,
          /^host namespaces \(hostNetwork=true\), hostPort \(container \\"[a-z-]+\\" uses hostPort 4219\)$/
        )
        // Without hostNetwork and hostPort, the pod is allowed.
        const containers = (spec["containers"] as ReadonlyArray<Json>).map(
          ({ ports: _, ...container }) => container
        )
        yield* admin.dryRun({ ...pod, spec: { ...spec, hostNetwork: false, containers } })
      }).pipe(showLogsOnFailure)
    )
  }

  it.effect("renders the committed plain manifests", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      for (const { file, text } of yield* Manifests.render(yield* ServerBuild.buildServer("helm"))) {
        assert.strictEqual(
          yield* fs.readFileString(file),
          text,
          `${file} is outdated: run scripts/render-manifests.ts`
        )
      }
    }).pipe(showLogsOnFailure)
  )

  it.effect("is packaged with its schema and README but without its tests", () =>
    Effect.gen(function* () {
      const { helm } = yield* ChartFixture
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const said = yield* helm.run("package", chartDirectory, "--destination", directory)
      assert.match(said, /registry-packages-proxy-0\.1\.0\.tgz/)
      const listed = yield* Command.run("tar", ["-tzf", `${directory}/registry-packages-proxy-0.1.0.tgz`])
      assert.notInclude(listed, "tests/")
      assert.include(listed, "registry-packages-proxy/values.schema.json")
      assert.include(listed, "registry-packages-proxy/README.md")
    }).pipe(Effect.scoped, showLogsOnFailure)
  )
})
