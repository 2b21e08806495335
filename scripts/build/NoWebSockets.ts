const missing = (): never => {
  throw new Error("WebSockets are not in this build of the program")
}

export class WebSocket {
  constructor() {
    missing()
  }
}

export class WebSocketServer {
  constructor() {
    missing()
  }
}
