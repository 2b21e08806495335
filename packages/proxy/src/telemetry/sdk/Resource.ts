import { defaultResource, type Resource, resourceFromAttributes } from "@opentelemetry/resources"
import { version } from "../../build/Version.ts"
import type { TelemetrySettings } from "../TelemetrySettings.ts"

const { hostname } = process.getBuiltinModule("node:os")
const { randomUUID } = process.getBuiltinModule("node:crypto")

/**
 * Makes the OpenTelemetry resource that describes this process. All telemetry has this resource. Attributes from the
 * settings take precedence.
 */
export const make = ({
  resourceAttributes,
  serviceName
}: Pick<TelemetrySettings, "resourceAttributes" | "serviceName">): Resource =>
  defaultResource().merge(
    resourceFromAttributes({
      "service.version": version,
      "service.instance.id": randomUUID(),
      "host.name": hostname(),
      ...resourceAttributes,
      "service.name": serviceName
    })
  )
