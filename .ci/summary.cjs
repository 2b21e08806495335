"use strict"
// Adds up the reports of .ci/run. A part that failed, but reports no failed test, counts as one failure.
const fs = require("node:fs")
const path = require("node:path")

const [directory] = process.argv.slice(2)
const total = { passed: 0, failed: 0, skipped: 0 }
let tests = 0

for (const file of fs.readdirSync(directory).filter((name) => name.endsWith(".status"))) {
  const name = path.basename(file, ".status")
  const status = Number(fs.readFileSync(path.join(directory, file), "utf8"))
  const report = path.join(directory, name + ".json")
  const counts = fs.existsSync(report) ? JSON.parse(fs.readFileSync(report, "utf8")) : {}
  const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numTodoTests = 0 } = counts
  total.passed += numPassedTests
  total.failed += status !== 0 && numFailedTests === 0 ? 1 : numFailedTests
  total.skipped += numPendingTests + numTodoTests
  if (name === "test") tests = numPassedTests + numFailedTests
}

if (tests === 0) console.log("\nNo test ran.")
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed > 0 || tests === 0 ? 1 : 0
