import { assert, describe, it } from "@effect/vitest"
import { namedBlocks } from "../../src/cluster/DocCommands.ts"
import { resolveEnvAndArgs } from "../../src/cluster/ContainerEnvironment.ts"
import type { Pod } from "../../src/cluster/Pod.ts"

const runtimeValues = {
  podIP: "127.1.2.3",
  loopbackAddress: "127.1.2.103",
  serviceVariables: { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: "6443" }
}

const pod = (container: Partial<Pod["spec"]["containers"][number]>): Pod => ({
  metadata: { name: "one", namespace: "ns", uid: "u" },
  spec: { nodeName: "master-1", containers: [{ name: "c", image: "i", ...container }] }
})

const resolved = (container: Partial<Pod["spec"]["containers"][number]>) => {
  const whole = pod(container)
  const [first] = whole.spec.containers
  if (first === undefined) throw new Error("no container")
  return resolveEnvAndArgs(whole, first, runtimeValues, (name, key) => `${name}/${key}`)
}

describe("the test kubelet", () => {
  it("expands variables in arguments and in later variables, as the kubelet does", () => {
    const { args, env } = resolved({
      args: ["--a=$(POD_IP):4219", "--b=$(NONE)", "--c=$$(POD_IP)", "--d=$(D)"],
      env: [
        { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
        { name: "D", value: "$(POD_IP),$(KUBERNETES_SERVICE_HOST)" },
        { name: "E", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }
      ]
    })
    assert.deepStrictEqual(args, [
      "--a=127.1.2.3:4219",
      "--b=$(NONE)",
      "--c=$(POD_IP)",
      "--d=127.1.2.3,127.0.0.1"
    ])
    assert.deepInclude(env, { D: "127.1.2.3,127.0.0.1", E: "s/k", KUBERNETES_SERVICE_PORT: "6443" })
  })

  it("replaces 127.0.0.1 by each node's address, but not in the API server's address", () => {
    const { args, env } = resolved({ args: ["--listen-address=127.0.0.1:5080"] })
    assert.deepStrictEqual(args, ["--listen-address=127.1.2.103:5080"])
    assert.strictEqual(env["KUBERNETES_SERVICE_HOST"], "127.0.0.1")
  })
})

describe("the documentation's commands", () => {
  it("are the blocks directly below a comment with their name", () => {
    const page =
      "a\n<!-- e2e: one -->\n```sh\nx \\\n  y\n```\n\n```sh\nnot this\n```\n<!-- e2e: two -->\n```sh\nz\n```\n"
    assert.deepStrictEqual(
      [...namedBlocks(page)],
      [
        ["one", "x \\\n  y\n"],
        ["two", "z\n"]
      ]
    )
  })
})
