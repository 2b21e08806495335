import { Schema } from "effect"

const Text = Schema.String
const Seconds = Schema.optionalKey(Schema.Number)

/** A container's HTTP probe. The test kubelet supports no other probes. */
export const Probe = Schema.Struct({
  httpGet: Schema.Struct({
    path: Text,
    port: Schema.Union([Schema.Number, Text]),
    scheme: Schema.optionalKey(Text)
  }),
  initialDelaySeconds: Seconds,
  periodSeconds: Schema.Number,
  timeoutSeconds: Schema.Number,
  successThreshold: Schema.Number,
  failureThreshold: Schema.Number
})
export type Probe = typeof Probe.Type

const FieldRef = Schema.Struct({ fieldRef: Schema.Struct({ fieldPath: Text }) })
const SecretRef = Schema.Struct({ secretKeyRef: Schema.Struct({ name: Text, key: Text }) })

export const Container = Schema.Struct({
  name: Text,
  image: Text,
  args: Schema.optionalKey(Schema.Array(Text)),
  env: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        name: Text,
        value: Schema.optionalKey(Text),
        valueFrom: Schema.optionalKey(Schema.Union([FieldRef, SecretRef]))
      })
    )
  ),
  ports: Schema.optionalKey(
    Schema.Array(Schema.Struct({ name: Schema.optionalKey(Text), containerPort: Schema.Number }))
  ),
  startupProbe: Schema.optionalKey(Probe),
  livenessProbe: Schema.optionalKey(Probe),
  readinessProbe: Schema.optionalKey(Probe),
  securityContext: Schema.optionalKey(
    Schema.Struct({ readOnlyRootFilesystem: Schema.optionalKey(Schema.Boolean) })
  ),
  volumeMounts: Schema.optionalKey(
    Schema.Array(Schema.Struct({ name: Text, mountPath: Text, readOnly: Schema.optionalKey(Schema.Boolean) }))
  )
})
export type Container = typeof Container.Type

const Item = Schema.Struct({ key: Text, path: Text })
const Named = Schema.Struct({
  name: Schema.optionalKey(Text),
  optional: Schema.optionalKey(Schema.Boolean),
  items: Schema.optionalKey(Schema.Array(Item))
})

export const ProjectedSource = Schema.Struct({
  serviceAccountToken: Schema.optionalKey(
    Schema.Struct({
      path: Text,
      expirationSeconds: Schema.optionalKey(Schema.Number),
      audience: Schema.optionalKey(Text)
    })
  ),
  configMap: Schema.optionalKey(Named),
  downwardAPI: Schema.optionalKey(
    Schema.Struct({
      items: Schema.optionalKey(
        Schema.Array(
          Schema.Struct({ path: Text, fieldRef: Schema.optionalKey(Schema.Struct({ fieldPath: Text })) })
        )
      )
    })
  )
})
export type ProjectedSource = typeof ProjectedSource.Type

export const Volume = Schema.Struct({
  name: Text,
  emptyDir: Schema.optionalKey(Schema.Struct({ sizeLimit: Schema.optionalKey(Text) })),
  secret: Schema.optionalKey(
    Schema.Struct({ secretName: Text, optional: Schema.optionalKey(Schema.Boolean) })
  ),
  configMap: Schema.optionalKey(Named),
  projected: Schema.optionalKey(Schema.Struct({ sources: Schema.Array(ProjectedSource) }))
})
export type Volume = typeof Volume.Type

/** The fields of a pod that the test kubelet or the tests read. */
export const Pod = Schema.Struct({
  metadata: Schema.Struct({
    name: Text,
    namespace: Text,
    uid: Text,
    labels: Schema.optionalKey(Schema.Record(Text, Text)),
    deletionTimestamp: Schema.optionalKey(Text),
    deletionGracePeriodSeconds: Schema.optionalKey(Schema.Number)
  }),
  spec: Schema.Struct({
    nodeName: Schema.optionalKey(Text),
    hostNetwork: Schema.optionalKey(Schema.Boolean),
    serviceAccountName: Schema.optionalKey(Text),
    terminationGracePeriodSeconds: Schema.optionalKey(Schema.Number),
    securityContext: Schema.optionalKey(
      Schema.Struct({
        runAsUser: Schema.optionalKey(Schema.Number),
        runAsGroup: Schema.optionalKey(Schema.Number),
        fsGroup: Schema.optionalKey(Schema.Number)
      })
    ),
    containers: Schema.Array(Container),
    volumes: Schema.optionalKey(Schema.Array(Volume))
  }),
  status: Schema.optionalKey(
    Schema.Struct({
      phase: Schema.optionalKey(Text),
      podIP: Schema.optionalKey(Text),
      conditions: Schema.optionalKey(
        Schema.Array(
          Schema.Struct({
            type: Text,
            status: Text,
            reason: Schema.optionalKey(Text),
            message: Schema.optionalKey(Text)
          })
        )
      )
    })
  )
})
export type Pod = typeof Pod.Type

/** True if the pod's condition `Ready` is true. */
export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ status, type }) => type === "Ready" && status === "True") === true

/** Returns the URL path of a pod in the Kubernetes API. */
export const apiPath = ({ metadata: { name, namespace } }: Pod): string =>
  `/api/v1/namespaces/${namespace}/pods/${name}`
