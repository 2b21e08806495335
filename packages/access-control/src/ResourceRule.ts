import { Schema } from "effect"

/** A part of a rule: never empty and never `*`, either of which Kubernetes would take for everything. */
export const RulePart = Schema.String.check(
  Schema.isPattern(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/)
).pipe(Schema.brand("RulePart"))
export type RulePart = typeof RulePart.Type

/** What a user must be allowed: one verb on one named object's subresource. Every part says something. */
export interface ResourceRule {
  readonly verb: RulePart
  readonly group: RulePart
  readonly version: RulePart
  readonly resource: RulePart
  readonly subresource: RulePart
  readonly namespace: RulePart
  readonly name: RulePart
}

/** A rule from its parts; a part that is empty, a wildcard or no name throws. */
export const make = (parts: { readonly [Part in keyof ResourceRule]: string }): ResourceRule => ({
  verb: RulePart.make(parts.verb),
  group: RulePart.make(parts.group),
  version: RulePart.make(parts.version),
  resource: RulePart.make(parts.resource),
  subresource: RulePart.make(parts.subresource),
  namespace: RulePart.make(parts.namespace),
  name: RulePart.make(parts.name)
})

/** As people write it: `get deployments.apps/http registry-packages-proxy in d8-cloud-instance-manager`. */
export const format = ({ group, name, namespace, resource, subresource, verb }: ResourceRule): string =>
  `${verb} ${resource}.${group}/${subresource} ${name} in ${namespace}`
