import { accessControl } from "./AccessControl.ts"
import { architecture } from "./Architecture.ts"
import * as Boxes from "./Boxes.ts"
import { cluster } from "./Cluster.ts"
import { hit } from "./Hit.ts"
import { miss } from "./Miss.ts"
import * as Sequence from "./Sequence.ts"

/** Returns the generated pictures as SVG, by file name in docs/pictures. */
export const pictures = (root: string): Readonly<Record<string, string>> => ({
  "access-control.svg": Boxes.draw(accessControl),
  "architecture.svg": Boxes.draw(architecture(root)),
  "cluster.svg": Boxes.draw(cluster),
  "hit.svg": Sequence.draw(hit),
  "miss.svg": Sequence.draw(miss)
})
