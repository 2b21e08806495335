/** Effect metrics with labels. `labelled` makes one metric for each combination of label values. */
export { labelled, type LabelValues, forEachValue, type Series, anyValue } from "./Labelled.ts"
