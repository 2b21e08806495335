/** Series of metrics by their labels, each made once. */
export { labelled, type Labels, ofEach, type Series, unlisted } from "./Labelled.ts"
