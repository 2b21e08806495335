import * as Svg from "./Svg.ts"

/** A box with a title, and lines of text below the title. */
export interface Box {
  readonly title: string
  readonly lines?: ReadonlyArray<string>
  readonly kind?: Svg.BoxKind
  /** The column and the row of the box's centre, counted from 0. The column may be a fraction. */
  readonly at: readonly [column: number, row: number]
}

/** An arrow between two boxes. `from` and `to` are keys of boxes. */
export interface Arrow {
  readonly from: string
  readonly to: string
  readonly label?: string
  readonly dashed?: boolean
  /** The position of the label along the arrow, from 0 (start) to 1 (end). Default: 0.5. */
  readonly labelAt?: number
}

/** A frame around the boxes with the keys in `around`. A `wide` frame has the width of the picture. */
export interface Frame {
  readonly title: string
  readonly around: ReadonlyArray<string>
  readonly wide?: boolean
  /** True to draw two more frames behind the frame. */
  readonly isStacked?: boolean
}

export interface BoxPicture {
  readonly title: string
  readonly description: string
  readonly columnWidth: number
  readonly columns: number
  readonly rowGap: number
  readonly boxes: Readonly<Record<string, Box>>
  readonly arrows: ReadonlyArray<Arrow>
  readonly frames?: ReadonlyArray<Frame>
  /** Lines of text below the boxes. */
  readonly notes?: ReadonlyArray<string>
}

interface Placed {
  readonly box: Box
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

const margin = 16
const framePadding = { side: 12, top: 26, bottom: 12 }

const sizeOf = ({ lines = [], title }: Box): { readonly width: number; readonly height: number } => ({
  width: 20 + Math.max(Svg.textWidth(title, 13) * 1.06, ...lines.map((line) => Svg.textWidth(line, 12))),
  height: 32 + lines.length * 16
})

const place = (picture: BoxPicture): ReadonlyMap<string, Placed> => {
  const boxes = Object.entries(picture.boxes)
  const rows = Math.max(...boxes.map(([, { at }]) => at[1])) + 1
  const heights = Array.from({ length: rows }, (_, row) =>
    Math.max(0, ...boxes.filter(([, { at }]) => at[1] === row).map(([, box]) => sizeOf(box).height))
  )
  const top = margin + (picture.frames === undefined ? 0 : framePadding.top)
  const middles = heights.map(
    (height, row) =>
      top + heights.slice(0, row).reduce((sum, each) => sum + each + picture.rowGap, 0) + height / 2
  )
  return new Map(
    boxes.map(([key, box]) => {
      const { height, width } = sizeOf(box)
      const x = margin + (box.at[0] + 0.5) * picture.columnWidth - width / 2
      return [key, { box, x, y: (middles[box.at[1]] ?? 0) - height / 2, width, height }]
    })
  )
}

type Side = "top" | "bottom" | "left" | "right"

/** Returns the sides at which an arrow touches its two boxes. */
const sidesOf = (from: Placed, to: Placed): readonly [Side, Side] => {
  if (from.y + from.height <= to.y) return ["bottom", "top"]
  if (to.y + to.height <= from.y) return ["top", "bottom"]
  return from.x < to.x ? ["right", "left"] : ["left", "right"]
}

const middleOf = ({ height, width, x, y }: Placed): readonly [number, number] => [
  x + width / 2,
  y + height / 2
]

/**
 * Returns a function that computes the point where an arrow begins (`from`) or ends (`to`), and the side of the box at
 * this point. If several arrows touch the same side of a box, they are spread evenly along this side. The arrows are
 * sorted by the positions of the boxes at their other ends.
 */
const endsOf = (arrows: ReadonlyArray<Arrow>, placed: ReadonlyMap<string, Placed>) => {
  const ends = arrows.flatMap((arrow) => {
    const [from, to] = [placed.get(arrow.from), placed.get(arrow.to)]
    if (from === undefined || to === undefined) throw new Error(`no box for ${arrow.from} or ${arrow.to}`)
    const [leaves, reaches] = sidesOf(from, to)
    return [
      { arrow, end: "from", key: `${arrow.from} ${leaves}`, side: leaves, at: from, other: to },
      { arrow, end: "to", key: `${arrow.to} ${reaches}`, side: reaches, at: to, other: from }
    ] as const
  })
  return (arrow: Arrow, end: "from" | "to"): readonly [number, number, Side] => {
    const own = ends.find((each) => each.arrow === arrow && each.end === end)
    if (own === undefined) throw new Error(`no end for the arrow from ${arrow.from} to ${arrow.to}`)
    const axis = own.side === "top" || own.side === "bottom" ? 0 : 1
    const beside = ends
      .filter(({ key }) => key === own.key)
      .toSorted((a, b) => middleOf(a.other)[axis] - middleOf(b.other)[axis])
    const share = (beside.indexOf(own) + 1) / (beside.length + 1)
    const { height, width, x, y } = own.at
    switch (own.side) {
      case "top":
        return [x + width * share, y, own.side]
      case "bottom":
        return [x + width * share, y + height, own.side]
      case "left":
        return [x, y + height * share, own.side]
      case "right":
        return [x + width, y + height * share, own.side]
    }
  }
}

const directions: Readonly<Record<Side, readonly [number, number]>> = {
  top: [0, -1],
  bottom: [0, 1],
  left: [-1, 0],
  right: [1, 0]
}

const drawArrow = (arrow: Arrow, end: ReturnType<typeof endsOf>): readonly [line: string, label: string] => {
  const [x1, y1, leaves] = end(arrow, "from")
  const [x2, y2, reaches] = end(arrow, "to")
  const bend = Math.max(
    14,
    (leaves === "top" || leaves === "bottom" ? Math.abs(y2 - y1) : Math.abs(x2 - x1)) * 0.45
  )
  const [cx1, cy1] = [x1 + directions[leaves][0] * bend, y1 + directions[leaves][1] * bend]
  const [cx2, cy2] = [x2 + directions[reaches][0] * bend, y2 + directions[reaches][1] * bend]
  const line = Svg.arrow(Svg.path("M", x1, y1, "C", cx1, cy1, cx2, cy2, x2, y2), {
    dashed: arrow.dashed === true
  })
  if (arrow.label === undefined) return [line, ""]
  const t = arrow.labelAt ?? 0.5
  const along = (a: number, b: number, c: number, d: number) =>
    a * (1 - t) ** 3 + 3 * b * t * (1 - t) ** 2 + 3 * c * t ** 2 * (1 - t) + d * t ** 3
  const [x, y] = [along(x1, cx1, cx2, x2), along(y1, cy1, cy2, y2)]
  const rows = arrow.label.split("\n")
  const isAcross = leaves === "left" || leaves === "right"
  const first = isAcross ? y - 6 - (rows.length - 1) * 14 : y + 4 - ((rows.length - 1) * 14) / 2
  return [
    line,
    rows
      .map((row, index) => Svg.text(x, first + index * 14, row, { size: 12, muted: true, halo: true }))
      .join("")
  ]
}

const drawBox = ({ box, height, width, x, y }: Placed): string =>
  [
    Svg.box(x, y, width, height, box.kind ?? "ours"),
    Svg.text(x + width / 2, y + 21, box.title, { bold: true }),
    ...(box.lines ?? []).map((line, index) =>
      Svg.text(x + width / 2, y + 38 + index * 16, line, { size: 12, muted: true })
    )
  ].join("")

const drawFrame = (
  { around, isStacked = false, title, wide = false }: Frame,
  placed: ReadonlyMap<string, Placed>,
  width: number
): string => {
  const inside = around.map((key) => placed.get(key)).filter((each) => each !== undefined)
  const left = wide ? margin / 2 : Math.min(...inside.map(({ x }) => x)) - framePadding.side
  const right = wide
    ? width - margin / 2
    : Math.max(...inside.map((each) => each.x + each.width)) + framePadding.side
  const top = Math.min(...inside.map(({ y }) => y)) - framePadding.top
  const bottom = Math.max(...inside.map((each) => each.y + each.height)) + framePadding.bottom
  const offsets = isStacked ? [12, 6, 0] : [0]
  return [
    ...offsets.map((offset) => Svg.box(left + offset, top + offset, right - left, bottom - top, "group")),
    wide
      ? Svg.text(left + 10, top + 17, title, { size: 12, muted: true, anchor: "start" })
      : Svg.text(right - 10, top + 17, title, { size: 12, muted: true, anchor: "end" })
  ].join("")
}

/** Returns an SVG of boxes on a grid. Arrows connect boxes, and frames are behind boxes. */
export const draw = (picture: BoxPicture): string => {
  const placed = place(picture)
  const width = margin * 2 + picture.columns * picture.columnWidth
  const lowest = Math.max(...[...placed.values()].map(({ height, y }) => y + height))
  const notesTop = lowest + (picture.frames === undefined ? 12 : framePadding.bottom + 12)
  const notes = picture.notes ?? []
  for (const [key, box] of placed)
    if (box.x < 0 || box.x + box.width > width)
      throw new Error(`the box ${key} does not fit into the picture's width`)
  const end = endsOf(picture.arrows, placed)
  const arrows = picture.arrows.map((arrow) => drawArrow(arrow, end))
  return Svg.picture(width, notesTop + notes.length * 17 + 6, picture, [
    ...(picture.frames ?? []).map((frame) => drawFrame(frame, placed, width)),
    ...arrows.map(([line]) => line),
    ...[...placed.values()].map(drawBox),
    ...arrows.map(([, label]) => label).filter((label) => label !== ""),
    ...notes.map((note, index) =>
      Svg.text(margin, notesTop + 12 + index * 17, note, { size: 12, muted: true, anchor: "start" })
    )
  ])
}
