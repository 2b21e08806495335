import { ListenAddress, Settings } from "@registry-packages-proxy/proxy"
import { Result } from "effect"

/** The default settings, except that the proxy listens on a free port of loopback and logs only errors. */
export const settings: Settings.Settings = {
  ...Settings.defaults,
  listenAddress: Result.getSuccess(ListenAddress.parse("127.0.0.1:0")),
  logLevel: "Error"
}
