import * as Svg from "./Svg.ts"

/** A participant of the sequence, drawn as a column. */
export interface Participant {
  readonly title: string
  readonly subtitle?: string
  readonly kind?: Svg.BoxKind
}

/**
 * A row of the picture. `Call` and `Answer` are between two participants, `Own` is an action of one participant, and
 * `Remark` extends over several columns.
 */
export type Step =
  | { readonly _tag: "Call" | "Answer"; readonly from: string; readonly to: string; readonly text: string }
  | { readonly _tag: "Own"; readonly by: string; readonly text: string }
  | { readonly _tag: "Remark"; readonly over: readonly [string, string]; readonly text: string }

export interface SequencePicture {
  readonly title: string
  readonly description: string
  readonly participants: Readonly<Record<string, Participant>>
  readonly steps: ReadonlyArray<Step>
}

export const call = (from: string, to: string, text: string): Step => ({ _tag: "Call", from, to, text })
export const reply = (from: string, to: string, text: string): Step => ({ _tag: "Answer", from, to, text })
export const selfCall = (by: string, text: string): Step => ({ _tag: "Own", by, text })
export const remark = (from: string, to: string, text: string): Step => ({
  _tag: "Remark",
  over: [from, to],
  text
})

const [margin, headHeight, size] = [14, 44, 12]

const widthOf = (text: string): number =>
  Math.max(...text.split("\n").map((line) => Svg.textWidth(line, size)))

/**
 * Returns the x coordinate of each participant's column. The columns are far enough apart for the texts between them.
 */
const centresOf = ({ participants, steps }: SequencePicture): ReadonlyMap<string, number> => {
  const keys = Object.keys(participants)
  const heads = keys.map((key) => headWidth(participants[key] ?? { title: "" }))
  const at = [margin + (heads[0] ?? 0) / 2]
  for (let index = 1; index < keys.length; index++) {
    let x = (at[index - 1] ?? 0) + ((heads[index - 1] ?? 0) + (heads[index] ?? 0)) / 2 + 12
    for (const step of steps) {
      if (step._tag === "Own" || step._tag === "Remark") {
        const own = step._tag === "Own" && keys.indexOf(step.by) === index - 1
        if (own) x = Math.max(x, (at[index - 1] ?? 0) + widthOf(step.text) + 20)
        continue
      }
      const [low, high] = [keys.indexOf(step.from), keys.indexOf(step.to)].toSorted((a, b) => a - b)
      if (high === index) x = Math.max(x, (at[low ?? 0] ?? 0) + widthOf(step.text) + 22)
    }
    at.push(x)
  }
  return new Map(keys.map((key, index) => [key, at[index] ?? 0]))
}

const headWidth = ({ subtitle = "", title }: Participant): number =>
  18 + Math.max(Svg.textWidth(title, 13) * 1.06, Svg.textWidth(subtitle, 11))

const rowsOf = (step: Step): number => step.text.split("\n").length

const heightOf = (step: Step): number => rowsOf(step) * 15 + (step._tag === "Remark" ? 22 : 13)

const drawStep = (step: Step, top: number, centres: ReadonlyMap<string, number>): string => {
  const at = (key: string): number => {
    const x = centres.get(key)
    if (x === undefined) throw new Error(`nobody is called ${key}`)
    return x
  }
  const lines = step.text.split("\n")
  const write = (x: number, first: number, anchor: "start" | "middle") =>
    lines.map((line, index) => Svg.text(x, first + index * 15, line, { size, anchor, halo: true })).join("")
  switch (step._tag) {
    case "Remark": {
      const [left, right] = [at(step.over[0]) - 20, at(step.over[1]) + 20]
      const textWidth = widthOf(step.text) + 24
      const middle = (left + right) / 2
      const width = Math.max(right - left, textWidth)
      return (
        Svg.box(middle - width / 2, top + 6, width, lines.length * 15 + 10, "group") +
        lines
          .map((line, index) => Svg.text(middle, top + 22 + index * 15, line, { size, muted: true }))
          .join("")
      )
    }
    case "Own":
      return (
        `<circle cx="${at(step.by)}" cy="${top + 11}" r="3.5" class="head"/>` +
        write(at(step.by) + 9, top + 15, "start")
      )
    case "Call":
    case "Answer": {
      const [from, to] = [at(step.from), at(step.to)]
      const y = top + lines.length * 15 + 6
      return (
        write((from + to) / 2, top + 13, "middle") +
        Svg.arrow(Svg.path("M", from, y, "L", to + (to > from ? -2 : 2), y), {
          dashed: step._tag === "Answer"
        })
      )
    }
  }
}

/** Returns an SVG with the participants as columns, and the steps from top to bottom. */
export const draw = (picture: SequencePicture): string => {
  const centres = centresOf(picture)
  const entries = Object.entries(picture.participants)
  const [last] = entries.slice(-1)
  const ownAtEnd = picture.steps
    .filter((step) => step._tag === "Own" && step.by === last?.[0])
    .map((step) => widthOf(step.text) + 12)
  const lastX = centres.get(last?.[0] ?? "") ?? 0
  const width = lastX + Math.max(headWidth(last?.[1] ?? { title: "" }) / 2, ...ownAtEnd) + margin
  let y = margin + headHeight + 8
  const steps = picture.steps.map((step) => {
    const drawn = drawStep(step, y, centres)
    y += heightOf(step)
    return drawn
  })
  const bottom = y + 8
  const columns = entries.map(([key, participant]) => {
    const x = centres.get(key) ?? 0
    const half = headWidth(participant) / 2
    return [
      Svg.arrow(Svg.path("M", x, margin + headHeight, "L", x, bottom), { dashed: true, head: false }),
      Svg.box(x - half, margin, half * 2, headHeight, participant.kind ?? "ours"),
      Svg.text(x, margin + (participant.subtitle === undefined ? 27 : 19), participant.title, { bold: true }),
      participant.subtitle === undefined
        ? ""
        : Svg.text(x, margin + 35, participant.subtitle, { size: 11, muted: true })
    ].join("")
  })
  return Svg.picture(width, bottom + margin, picture, [...columns, ...steps])
}
