import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { runMain } from "@registry-packages-proxy/proxy/process/ProcessMain"
import { Effect } from "effect"
import { run } from "./Quickstart.ts"

runMain(Effect.provide(run, [NodeFileSystem.layer, NodePath.layer]))
