/** The series of Effect metrics by their labels. Each series is made once. */
export { labelled, type Labels, ofEach, type Series, unlisted } from "./Labelled.ts"
