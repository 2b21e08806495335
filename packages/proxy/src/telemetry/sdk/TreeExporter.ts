import { ExportResultCode } from "@opentelemetry/core"
import type { SpanExporter } from "@opentelemetry/sdk-trace"
import type { OutputStream } from "../../config/ProcessEnvironment.ts"
import * as SpanTree from "../SpanTree.ts"
import { spanViewOf } from "./SpanView.ts"

/** Makes an exporter that prints each batch of spans as trees. */
export const make = (output: OutputStream): SpanExporter => ({
  export: (spans, done) => {
    output.write(SpanTree.render(spans.map(spanViewOf)), () => done({ code: ExportResultCode.SUCCESS }))
  },
  shutdown: () => Promise.resolve()
})
