"""What tokens cost, from the table that genai-prices brings along. No network."""


def price(model: str, new: int, cache_read: int, cache_write: int, output: int) -> float | None:
    """US dollars for tokens of one of Anthropic's models; None when its price is not known."""
    from genai_prices import Usage, calc_price  # only who needs a price waits for its table

    # Its `input_tokens` count the cached ones as well, unlike Anthropic's own.
    usage = Usage(
        input_tokens=new + cache_read + cache_write,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        output_tokens=output,
    )
    try:
        return float(calc_price(usage, model_ref=model, provider_id="anthropic").total_price)
    except LookupError:
        return None
