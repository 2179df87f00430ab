// Tells privy-connector which order an event is about. It fetches the order itself, so nothing else is sent.
//
// Save it in your Medusa project as src/subscribers/privy-connector.js, in a TypeScript project with the ending
// .ts, and start the server with two variables:
//   PRIVY_CONNECTOR_URL=https://connector.example.com/webhooks/my-shop   (the daemon's public address, the store's name)
//   PRIVY_CONNECTOR_SECRET=…                                            (the store's webhook_secret)
const { createHmac } = require("node:crypto")

// Events name an order, a payment or a fulfilment; the latter two lead to their order.
async function orderOf(data, container) {
  if (data.order_id) return data.order_id
  const id = String(data.id)
  if (id.startsWith("order_")) return id
  const [entity, path] = id.startsWith("pay_") ? ["payment", "payment_collection.order.id"] : ["fulfillment", "order.id"]
  const { data: rows } = await container.resolve("query").graph({ entity, fields: [path], filters: { id } })
  return path.split(".").reduce((part, name) => part?.[name], rows[0])
}

exports.default = async function tellPrivyConnector({ event, container }) {
  const address = process.env.PRIVY_CONNECTOR_URL
  const order = address && (await orderOf(event.data, container))
  if (!order) return
  const body = JSON.stringify({ event: event.name, order_id: order })
  const signature = createHmac("sha256", process.env.PRIVY_CONNECTOR_SECRET).update(body).digest("base64")
  const headers = { "content-type": "application/json", "x-connector-signature": signature }
  const answer = await fetch(address, { method: "POST", body, headers, signal: AbortSignal.timeout(10_000) })
  if (!answer.ok) throw new Error(`privy-connector answered ${answer.status}`)
}

exports.config = {
  event: [
    "order.placed", "order.updated", "order.canceled", "order.completed", "order.archived",
    "order.fulfillment_created", "order.fulfillment_canceled", "order.return_requested", "order.return_received",
    "order.claim_created", "order.exchange_created", "order-edit.confirmed",
    "shipment.created", "delivery.created", "payment.captured", "payment.refunded",
  ],
}
