"""What the pages share: the frame around them, the resources behind them, the figures and components on them."""
