import { assert, describe, it } from "@effect/vitest"
import { kinds, requiredRule } from "@registry-packages-proxy/credential-store/kinds/Kinds"
import type { ObjectKind } from "@registry-packages-proxy/credential-store/kinds/ObjectKind"
import { routes } from "@registry-packages-proxy/proxy/http/request/Routes"
import { loadAll } from "js-yaml"
import { readFileSync } from "node:fs"

interface Rule {
  readonly apiGroups: ReadonlyArray<string>
  readonly resources: ReadonlyArray<string>
  readonly resourceNames?: ReadonlyArray<string>
  readonly verbs: ReadonlyArray<string>
}

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly rules?: ReadonlyArray<Rule>
  readonly roleRef?: { readonly name: string }
  readonly subjects?: ReadonlyArray<{
    readonly kind: string
    readonly name: string
    readonly namespace?: string
  }>
}

const read = (name: string): ReadonlyArray<Manifest> =>
  loadAll(readFileSync(new URL(`../../deploy/${name}`, import.meta.url), "utf8")).map(
    (document) => document as Manifest
  )

const manifest = read("manifest.yaml")

/** Returns the subjects of a role in manifest.yaml as `KIND NAME`, or as `KIND NAMESPACE/NAME` for service accounts. */
const subjectsOf = (role: string): ReadonlyArray<string> =>
  manifest
    .filter(({ kind, roleRef }) => kind === "RoleBinding" && roleRef?.name === role)
    .flatMap(({ subjects = [] }) => subjects)
    .map(({ kind, name, namespace }) => `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`)

describe("manifest.yaml", () => {
  it("contains every object of rbac.yaml unchanged", () => {
    const own = read("rbac.yaml")
    assert.isAbove(own.length, 3)
    for (const object of own) assert.deepInclude(manifest, object)
  })

  it("has a role for each right that the secure port checks", () => {
    for (const { access: rule } of Object.values(routes)) {
      if (rule === "anonymous") continue
      const wanted: Rule = {
        apiGroups: [rule.group],
        resources: [`${rule.resource}/${rule.subresource}`],
        resourceNames: [rule.name],
        verbs: [rule.verb]
      }
      const roles = manifest.filter(
        ({ kind, metadata }) => kind === "Role" && metadata.namespace === rule.namespace
      )
      assert.deepInclude(
        roles.flatMap(({ rules = [] }) => rules),
        wanted,
        `no role has a rule for ${rule.verb} ${rule.resource}/${rule.subresource} alone, which a route of proxy's http/request/Routes.ts requires: add a Role to packages/deploy/chart/templates/rbac-to-us.yaml, then run node_modules/.bin/node scripts/render-manifests.ts`
      )
    }
  })

  it("grants packages to the clients' account, and to bootstrapping and other nodes", () => {
    assert.deepStrictEqual(subjectsOf("access-to-registry-packages-proxy-from-http"), [
      "ServiceAccount d8-cloud-instance-manager/registry-packages-proxy",
      "Group system:bootstrappers:d8-node-manager",
      "Group system:nodes"
    ])
  })

  it("grants metrics to their collectors and to nobody else", () => {
    assert.deepStrictEqual(subjectsOf("access-to-registry-packages-proxy"), [
      "User d8-monitoring:scraper",
      "ServiceAccount d8-monitoring/prometheus"
    ])
  })

  it("lets the program watch the kinds of objects that it reads, create two kinds of reviews, and nothing else", () => {
    const reviews: ReadonlyArray<Rule & { readonly namespace?: string }> = [
      { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
      { apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"], verbs: ["create"] }
    ]
    const wanted = kinds.map((kind: ObjectKind) => ({
      ...requiredRule(kind),
      ...(kind.namespace === undefined ? {} : { namespace: kind.namespace })
    }))
    const given = read("rbac.yaml").flatMap(({ kind, metadata, rules = [] }) =>
      rules.map((rule) => (kind === "Role" ? { ...rule, namespace: metadata.namespace } : rule))
    )
    assert.sameDeepMembers(
      given,
      [...wanted, ...reviews],
      "the permissions in packages/deploy/chart/templates/rbac-for-us.yaml are not those of credential-store's kinds/Kinds.ts: mend them there, then run node_modules/.bin/node scripts/render-manifests.ts"
    )
  })
})
