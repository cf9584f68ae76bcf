// A web application that keeps its accounts equal to the directory: docs/adopt.md explains it.
//
//   PASSERELLE_URL=... OPERATOR_KEY=... WEBHOOK_SECRET=... PORT=8100 npm start

import Fastify from "fastify";
import { Consumer, createAdmin, InvalidSignature, verify } from "passerelle-client";
import { Accounts } from "./accounts.js";

/** Make the application; `secrets` has the webhook's secret, and while it rotates the one before. */
export function application(consumer: Consumer, secrets: string[]) {
  const app = Fastify();
  let queue: Promise<unknown> = Promise.resolve();
  // The signature is of the bytes that were sent.
  app.addContentTypeParser("application/cloudevents+json", { parseAs: "buffer" }, (_, body, done) =>
    done(null, body),
  );
  app.post("/events", async (request, reply) => {
    const event = verify(request.body as Buffer, request.headers, secrets);
    // One after another; what fails is not accepted, so it is sent again.
    const applied = queue.then(() => consumer.apply(event.data));
    queue = applied.catch(() => undefined);
    await applied;
    return reply.code(204).send();
  });
  app.setErrorHandler((error, _, reply) => {
    return reply.code(error instanceof InvalidSignature ? 401 : 503).send();
  });
  return app;
}

/** Catch up first, so that nothing is missed, then receive. */
async function main(environment: NodeJS.ProcessEnv): Promise<void> {
  const admin = createAdmin(environment["PASSERELLE_URL"] ?? "", environment["OPERATOR_KEY"] ?? "");
  const consumer = new Consumer(admin, new Accounts(admin, []));
  const app = application(consumer, (environment["WEBHOOK_SECRET"] ?? "").split(" "));
  console.log("Catching up ...");
  await consumer.catchUp("");
  await app.listen({ port: Number(environment["PORT"] ?? 8100) });
  console.log("Caught up; receiving events until Ctrl-C.");
}

if (process.argv[1]?.endsWith("server.js")) await main(process.env);
