"use strict"
// Installs the dependencies. Every npm script runs this file first, with the machine's own Node. That Node may be old,
// so this file uses old syntax and only built-in modules.
var fs = require("fs")
var path = require("path")
var childProcess = require("child_process")

var oldestNode = 20
var root = path.join(__dirname, "..")
var modules = path.join(root, "node_modules")
var node = path.join(modules, ".bin", "node")
var stamp = path.join(modules, ".prepared")
var lock = path.join(modules, ".preparing")
var networkFailure =
  /\b(EAI_AGAIN|ENOTFOUND|ECONN\w+|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|EPROTO|E407|E5\d\d|\w*CERT_\w+|UNABLE_TO_\w+|ERR_PNPM_\w*(?:META_FETCH_FAIL|NETWORK|FETCH_407|FETCH_5\d\d)\w*|error sending request)\b/

function main() {
  if (Number(process.versions.node.split(".")[0]) < oldestNode) {
    return fail(
      "Node " +
        process.versions.node +
        " is too old: " +
        oldestNode +
        " or newer is needed, from nodejs.org or a version manager (nvm install --lts)."
    )
  }
  if (isPrepared()) return
  try {
    fs.mkdirSync(modules, { recursive: true })
    acquireLock()
  } catch (error) {
    return fail("Cannot install the dependencies into this checkout: " + error.message)
  }
  try {
    if (!isPrepared()) install()
  } finally {
    fs.unlinkSync(lock)
  }
}

/** True if the installation matches the declared dependencies and this kind of machine. */
function isPrepared() {
  try {
    return fs.readFileSync(stamp, "utf8") === declared() && fs.existsSync(node)
  } catch (error) {
    return false
  }
}

function declared() {
  var hash = require("crypto")
    .createHash("sha256")
    .update(process.platform + process.arch)
  var manifests = fs
    .readdirSync(path.join(root, "packages"))
    .sort()
    .map(function (name) {
      return path.join("packages", name, "package.json")
    })
  ;["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json"].concat(manifests).forEach(function (name) {
    var file = path.join(root, name)
    if (fs.existsSync(file)) hash.update("\0" + name + "\0").update(fs.readFileSync(file))
  })
  return hash.digest("hex")
}

function install() {
  console.error(
    fs.existsSync(stamp)
      ? "Installing the changed dependencies..."
      : "Installing dependencies (first time, about half a minute)..."
  )
  var pnpm = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")).packageManager
  var before = declared()
  var result = childProcess.spawnSync("npx", ["--yes", pnpm, "install", "--frozen-lockfile"], {
    cwd: root,
    encoding: "utf8",
    env: Object.assign({}, process.env, {
      CI: "true",
      npm_config_fetch_retry_mintimeout: "1000",
      npm_config_fetch_retry_maxtimeout: "5000",
      pnpm_config_fetch_retry_mintimeout: "1000",
      pnpm_config_fetch_retry_maxtimeout: "5000"
    }),
    maxBuffer: Infinity,
    stdio: ["ignore", "pipe", "pipe"]
  })
  if (result.error) return fail("Cannot run npx, which comes with npm: " + result.error.message)
  if (result.signal) return process.kill(process.pid, result.signal)
  if (result.status === 0) return fs.writeFileSync(stamp, before)

  var output = result.stdout + result.stderr
  var reason = networkFailure.exec(output)
  if (reason) {
    return fail(
      "The npm package registry cannot be reached (" +
        reason[0] +
        "): check the network and the proxy settings, then run this again."
    )
  }
  console.error(output)
  fail("Installing the dependencies failed: see above.")
}

/** Prevents two concurrent installations. */
function acquireLock() {
  for (var waited = 0; ; waited++) {
    try {
      return fs.writeFileSync(lock, String(process.pid), { flag: "wx" })
    } catch (error) {
      if (error.code !== "EEXIST") throw error
    }
    if (isAbandoned()) {
      fs.rmSync(lock, { force: true })
    } else {
      if (waited === 0) console.error("Waiting for another installation in this checkout...")
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    }
  }
}

function isAbandoned() {
  try {
    var owner = Number(fs.readFileSync(lock, "utf8"))
    // The owner of an empty lock file has not written its process id yet.
    if (owner > 0) process.kill(owner, 0)
    return false
  } catch (error) {
    return error.code === "ESRCH"
  }
}

function fail(message) {
  console.error(message)
  process.exitCode = 1
}

main()
