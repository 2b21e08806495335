/** The series of Effect metrics by their labels. Each series is made once. */
export { labelled, type LabelValues, forEachValue, type Series, anyValue } from "./Labelled.ts"
