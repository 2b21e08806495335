import { Duration } from "effect"
import * as Limits from "../../packages/access-control/src/internal/Limits.ts"
import type { BoxPicture } from "./Boxes.ts"

const time = (limit: Duration.Duration): string => Duration.format(limit)

/** The picture of the decisions about a request to the secure port, in the order in which they are made. */
export const accessControl: BoxPicture = {
  title: "Access control on the secure port",
  description:
    "A request on the secure port: the path is looked up; healthz and readyz need nothing; for the others Authenticator says who asks, by client certificate or TokenReview, then Authorizer says whether they may, by SubjectAccessReview. Decisions are cached; reviews wait in a bounded queue. Only then method, parameters and the cache are looked at.",
  columnWidth: 206,
  columns: 4,
  rowGap: 50,
  boxes: {
    tls: { title: "TLS connection", lines: ["client certificate, if shown"], kind: "other", at: [0.1, 0] },
    route: { title: "path", lines: ["/healthz, /readyz: answered to anyone"], at: [1.6, 0] },
    unknown: { title: "404", lines: ["unknown path"], kind: "bad", at: [3.15, 0] },
    api: { title: "API server", kind: "other", at: [0.1, 1] },
    authenticator: {
      title: "Authenticator",
      lines: [
        "client certificate, else bearer token",
        `accepted ${time(Limits.acceptedTokenLifetime)}, refused ${time(Limits.refusedTokenLifetime)}`
      ],
      kind: "port",
      at: [1.6, 1]
    },
    unauthorized: { title: "401", lines: ["not authenticated"], kind: "bad", at: [3.15, 1] },
    queue: {
      title: "review queue",
      lines: [
        `${Limits.maxReviews} in progress, three lanes`,
        `${time(Limits.maxQueueTime)} to begin, ${time(Limits.reviewTimeout)} for an answer`
      ],
      at: [0.1, 2]
    },
    authorizer: {
      title: "Authorizer",
      lines: [
        "user, groups, and the path's rule",
        `allowed ${time(Limits.allowedAccessLifetime)}, denied ${time(Limits.deniedAccessLifetime)}`
      ],
      kind: "port",
      at: [1.6, 2]
    },
    forbidden: { title: "403", lines: ["not allowed by RBAC"], kind: "bad", at: [3.15, 2] },
    undecided: { title: "503", lines: ["no answer, nothing cached"], kind: "bad", at: [0.1, 3] },
    application: {
      title: "the application",
      lines: ["method, parameters, cache, credentials, registry"],
      at: [1.6, 3]
    }
  },
  arrows: [
    { from: "tls", to: "route" },
    { from: "route", to: "unknown" },
    { from: "route", to: "authenticator", label: "/package, /metrics" },
    { from: "authenticator", to: "unauthorized" },
    { from: "authenticator", to: "authorizer", label: "user" },
    { from: "authenticator", to: "queue", label: "TokenReview", dashed: true },
    { from: "authorizer", to: "forbidden" },
    { from: "authorizer", to: "application", label: "allowed" },
    { from: "authorizer", to: "queue", label: "SubjectAccess\nReview", dashed: true },
    { from: "queue", to: "api" },
    { from: "queue", to: "undecided" }
  ],
  notes: [
    "Dashed: only what is not cached. Equal questions are asked once. While the API server is out of reach, a decision of the",
    `last ${time(Limits.maxStaleAge)} is reused. If the API server refuses the program (401, 403), nothing is reused.`
  ]
}
