namespace Sleb.Benchmarks.Decode;

/// <summary>One run, in tokens a second.</summary>
internal sealed record DecodeRun(double Prefill, double Decode)
{
    public static DecodeRun Of(DecodeRequest request, TimeSpan prefill, TimeSpan decode) =>
        new(request.PromptTokens / prefill.TotalSeconds, request.NewTokens / decode.TotalSeconds);
}
