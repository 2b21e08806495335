import { fileURLToPath } from "node:url"

type Json = Readonly<Record<string, unknown>>

const rbac = "rbac.authorization.k8s.io"

/**
 * Path of deploy/manifest.yaml, which an operator can apply without helm. The file contains the Roles that clients
 * need.
 */
export const manifestFile = fileURLToPath(new URL("../../../deploy/manifest.yaml", import.meta.url))

/** The namespace of the service accounts that the tests create for clients. */
export const subjectNamespace = "testkit"

export const serviceAccount = (name: string): Json => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name, namespace: subjectNamespace }
})

const roles = {
  packages: "access-to-registry-packages-proxy-from-http",
  metrics: "access-to-registry-packages-proxy"
}

/** Returns a RoleBinding that grants a Role from manifest.yaml to a service account or to a user. */
export const roleBinding = (
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
      : { kind: "ServiceAccount", name: subject.serviceAccount, namespace: subjectNamespace }
  ]
})

/** A Kubernetes bootstrap token. Clients send `ID.SECRET` as their bearer token. */
export const bootstrapToken = { id: "e2e123", secret: "0123456789abcdef" }

/** The Secret that makes the API server accept `bootstrapToken`. */
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
