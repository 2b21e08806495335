/** Series of metrics by their labels, each made once. */
export { labelled, type Labels, ofEach, others, type Series } from "./Labelled.ts"
