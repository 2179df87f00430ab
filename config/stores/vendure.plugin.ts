// Tells privy-connector which order to look at, whenever one was placed, paid, shipped, delivered, refunded or
// cancelled. It sends the order's id and nothing else; a delivery that is lost costs only time, because the
// connector reads open orders again by itself. For Vendure v3.
//
// Put this file into the shop's src/plugins and name it in vendure-config.ts, with the daemon's public address, the
// store's name there, and the store's webhook_secret:
//
//   import { ConnectorWebhooksPlugin } from "./plugins/vendure.plugin";
//   plugins: [
//     …,
//     ConnectorWebhooksPlugin.init({
//       url: "https://connector.example.com/webhooks/my-shop",
//       secret: process.env.CONNECTOR_WEBHOOK_SECRET!,
//     }),
//   ]
import { createHmac } from "node:crypto";
import {
  EventBus,
  FulfillmentLine,
  FulfillmentStateTransitionEvent,
  ID,
  Logger,
  Order,
  OrderPlacedEvent,
  OrderStateTransitionEvent,
  PaymentStateTransitionEvent,
  PluginCommonModule,
  RefundStateTransitionEvent,
  TransactionalConnection,
  VendurePlugin,
} from "@vendure/core";

const SECONDS = 10;

@VendurePlugin({ imports: [PluginCommonModule], compatibility: "^3.0.0" })
export class ConnectorWebhooksPlugin {
  private static url = "";
  private static secret = "";

  /** `url` ends in /webhooks/STORE; `secret` is that store's webhook_secret. */
  static init(options: { url: string; secret: string }) {
    if (!options.url || !options.secret) throw new Error("ConnectorWebhooksPlugin needs a url and a secret");
    this.url = options.url;
    this.secret = options.secret;
    return ConnectorWebhooksPlugin;
  }

  constructor(
    private eventBus: EventBus,
    private connection: TransactionalConnection,
  ) {}

  onApplicationBootstrap() {
    this.eventBus.ofType(OrderPlacedEvent).subscribe((event) => this.send(event.order.id));
    this.eventBus.ofType(OrderStateTransitionEvent).subscribe((event) => this.sendPlaced(event.order));
    this.eventBus.ofType(PaymentStateTransitionEvent).subscribe((event) => this.sendPlaced(event.order));
    this.eventBus.ofType(RefundStateTransitionEvent).subscribe((event) => this.sendPlaced(event.order));
    this.eventBus.ofType(FulfillmentStateTransitionEvent).subscribe(async (event) => {
      // Of a fulfilment the event tells no order; its lines do.
      const lines = await this.connection.getRepository(event.ctx, FulfillmentLine).find({
        where: { fulfillmentId: event.fulfillment.id },
        relations: { orderLine: { order: true } },
      });
      for (const id of new Set(lines.map((line) => line.orderLine.order.id))) await this.send(id);
    });
  }

  private async sendPlaced(order: Order) {
    if (order.orderPlacedAt) await this.send(order.id); // carts are nobody's business
  }

  private async send(id: ID) {
    const body = JSON.stringify({ order_id: String(id) });
    const signature = createHmac("sha256", ConnectorWebhooksPlugin.secret).update(body).digest("base64");
    try {
      const answer = await fetch(ConnectorWebhooksPlugin.url, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Connector-Signature": signature },
        body,
        signal: AbortSignal.timeout(SECONDS * 1000),
      });
      if (!answer.ok) Logger.warn(`order ${id}: the connector answered ${answer.status}`, "ConnectorWebhooks");
    } catch (error) {
      Logger.warn(`order ${id}: the connector was not reached (${error})`, "ConnectorWebhooks");
    }
  }
}
