using Sleb.Onnx.Runtime;

namespace Sleb.MLNet.Latency;

/// <summary>How long a model took in each run of a protocol.</summary>
internal sealed record ModelLatency(SlebLatencyProtocol Protocol, IReadOnlyList<double> PromptMilliseconds, IReadOnlyList<double> GenerationMilliseconds)
{
    /// <summary>Tokens a second while the long prompt is read.</summary>
    public IReadOnlyList<double> PrefillRates { get; } = [.. PromptMilliseconds.Select(time => Protocol.PromptTokens / time * 1000)];

    /// <summary>New tokens a second, all texts of the batch together.</summary>
    public IReadOnlyList<double> DecodeRates { get; } = [.. GenerationMilliseconds.Select(time => Protocol.BatchSize * Protocol.NewTokens / time * 1000)];

    /// <summary>What a reader of one text waits for each of its tokens.</summary>
    public double MillisecondsPerToken => Rates.Median(GenerationMilliseconds) / Protocol.NewTokens;

    /// <summary>Measures models that take turns, so that a busy minute of the machine meets them all.</summary>
    public static IReadOnlyList<ModelLatency> Measure(IReadOnlyList<GenAIModel> models, SlebLatencyProtocol protocol, CancellationToken cancellationToken)
    {
        var times = models.Select(_ => new List<(TimeSpan Prompt, TimeSpan Generation)>()).ToArray();
        for (int run = 0; run <= protocol.Runs; run++)
            for (int i = 0; i < models.Count; i++)
            {
                var measured = Time(models[i], protocol, cancellationToken);
                if (run > 0) times[i].Add(measured); // the first one warms up
            }
        return [.. times.Select(each => new ModelLatency(
            protocol, [.. each.Select(time => time.Prompt.TotalMilliseconds)], [.. each.Select(time => time.Generation.TotalMilliseconds)]))];
    }

    /// <summary>Ids all over the vocabulary.</summary>
    public static int[] Prompt(int length, int vocabulary) => [.. Enumerable.Range(1, length).Select(position => (int)(position * 7919L % vocabulary))];

    private static (TimeSpan Prompt, TimeSpan Generation) Time(GenAIModel model, SlebLatencyProtocol protocol, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        int[] prompt = Prompt(protocol.PromptTokens, model.VocabSize);
        if (protocol.GenerationPromptTokens is not { } start) return model.Time(prompt, protocol.NewTokens, cancellationToken);
        var (prefill, _) = model.Time(prompt, newTokens: 0, cancellationToken);
        return (prefill, model.TimeBatch(Prompt(start, model.VocabSize), protocol.BatchSize, protocol.NewTokens, cancellationToken));
    }
}
