import { fileURLToPath } from "node:url"

type Json = Readonly<Record<string, unknown>>

const rbac = "rbac.authorization.k8s.io"

/** The objects that an operator applies, with the roles of callers. */
export const manifestFile = fileURLToPath(new URL("../../../deploy/manifest.yaml", import.meta.url))

/** The namespace that callers of these tests come from. */
export const namespace = "testkit"

export const serviceAccount = (name: string): Json => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name, namespace }
})

const roles = {
  packages: "access-to-registry-packages-proxy-from-http",
  metrics: "access-to-registry-packages-proxy"
}

/** Gives a service account, or a user, one of the roles that manifest.yaml has for callers. */
export const binding = (
  name: string,
  role: keyof typeof roles,
  subject: { readonly serviceAccount: string } | { readonly user: string }
): Json => ({
  apiVersion: `${rbac}/v1`,
  kind: "RoleBinding",
  metadata: { name, namespace: "d8-cloud-instance-manager" },
  roleRef: { apiGroup: rbac, kind: "Role", name: roles[role] },
  subjects: [
    "user" in subject
      ? { apiGroup: rbac, kind: "User", name: subject.user }
      : { kind: "ServiceAccount", name: subject.serviceAccount, namespace }
  ]
})

/** A bootstrap token's two halves, as `kubeadm` writes them. */
export const bootstrapToken = { id: "e2e123", secret: "0123456789abcdef" }

/** The Secret that makes the API server take that token for a node that bootstraps. */
export const bootstrapSecret: Json = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: `bootstrap-token-${bootstrapToken.id}`, namespace: "kube-system" },
  type: "bootstrap.kubernetes.io/token",
  stringData: {
    "token-id": bootstrapToken.id,
    "token-secret": bootstrapToken.secret,
    "usage-bootstrap-authentication": "true",
    "auth-extra-groups": "system:bootstrappers:d8-node-manager"
  }
}
