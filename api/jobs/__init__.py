"""What runs beside HTTP: the queue's worker and the webhooks that it delivers."""
