"""What others are told: the feed of events, webhook subscriptions and their deliveries."""
