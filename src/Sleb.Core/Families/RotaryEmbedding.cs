using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;

namespace Sleb.Core.Families;

/// <summary>Rotary position embedding: inverse frequencies and the factor on cosine and sine, from either style of config.json.</summary>
/// <remarks>
/// RoFormer (Su et al. 2021); linear scaling (Chen et al. 2023), YaRN (Peng et al. 2023), Llama 3.1's scaling. Arithmetic follows
/// transformers: frequencies and angles in float32, so that long positions round as the reference's do.
/// </remarks>
internal sealed class RotaryEmbedding
{
    private readonly float[] _inverseFrequencies;
    private readonly double _factor;

    private RotaryEmbedding(double[] inverseFrequencies, double factor)
    {
        _inverseFrequencies = [.. inverseFrequencies.Select(f => (float)f)];
        _factor = factor;
    }

    /// <summary>Rotated dimensions of a head, twice the number of frequencies.</summary>
    public int Dimension => 2 * _inverseFrequencies.Length;

    /// <param name="dimension">Rotated dimensions of a head.</param>
    /// <param name="defaultTheta">The family's base where the config has none.</param>
    public static RotaryEmbedding Create(ModelConfig config, int dimension, double defaultTheta = 10000)
    {
        // transformers 5 keeps everything in rope_parameters; a rope_scaling that is not null replaces it entirely.
        var scaling = config.Object("rope_scaling");
        var parameters = new Parameters(scaling ?? config.Object("rope_parameters") ?? []);
        double topLevelTheta = config.Number("rope_theta", defaultTheta);
        double theta = scaling is null ? parameters.Number("rope_theta") ?? topLevelTheta : topLevelTheta;
        double original = parameters.Number("original_max_position_embeddings") ?? config.MaxPositionEmbeddings;
        var plain = new double[dimension / 2];
        for (int i = 0; i < plain.Length; i++) plain[i] = 1 / Math.Pow(theta, 2.0 * i / dimension);

        return (parameters.Text("rope_type") ?? parameters.Text("type") ?? "default") switch
        {
            "default" => new(plain, 1),
            "linear" => new([.. plain.Select(f => f / parameters.Required("factor"))], 1),
            "llama3" => new(Llama3(plain, parameters, original), 1),
            "yarn" => Yarn(plain, parameters, theta, original, config.MaxPositionEmbeddings),
            var other => throw new CheckpointException($"config.json has rope_type '{other}', which is not supported; supported are default, linear, llama3 and yarn."),
        };
    }

    /// <summary>Cosines and sines, row-major <c>[positions, Dimension / 2]</c>, scaled by YaRN's attention factor.</summary>
    public (float[] Cos, float[] Sin) Table(int positions)
    {
        int half = _inverseFrequencies.Length;
        var cos = new float[positions * half];
        var sin = new float[positions * half];
        for (int p = 0; p < positions; p++)
            for (int i = 0; i < half; i++)
            {
                float angle = p * _inverseFrequencies[i];
                cos[p * half + i] = (float)(Math.Cos(angle) * _factor);
                sin[p * half + i] = (float)(Math.Sin(angle) * _factor);
            }
        return (cos, sin);
    }

    private static double[] Llama3(double[] plain, Parameters parameters, double original)
    {
        double factor = parameters.Required("factor"), low = parameters.Required("low_freq_factor"), high = parameters.Required("high_freq_factor");
        return [.. plain.Select(f =>
        {
            double turns = original * f / (2 * Math.PI); // original context over wavelength
            if (turns < low) return f / factor;
            if (turns > high) return f;
            double smooth = (turns - low) / (high - low);
            return (1 - smooth) * f / factor + smooth * f;
        })];
    }

    private static RotaryEmbedding Yarn(double[] plain, Parameters parameters, double theta, double original, int context)
    {
        double factor = parameters.Number("factor") ?? context / original;
        double mscale = parameters.Number("mscale") ?? 0, mscaleAll = parameters.Number("mscale_all_dim") ?? 0;
        double attention = parameters.Number("attention_factor")
            ?? (mscale != 0 && mscaleAll != 0 ? Mscale(mscale) / Mscale(mscaleAll) : Mscale(1));
        int dimension = 2 * plain.Length;
        double low = CorrectionDimension(parameters.Number("beta_fast") ?? 32), high = CorrectionDimension(parameters.Number("beta_slow") ?? 1);
        if (parameters.Bool("truncate") ?? true) (low, high) = (Math.Floor(low), Math.Ceiling(high));
        (low, high) = (Math.Max(low, 0), Math.Min(high, dimension - 1));
        if (low == high) high += 0.001;
        return new([.. plain.Select((f, i) =>
        {
            double interpolated = Math.Clamp((i - low) / (high - low), 0, 1);
            return f / factor * interpolated + f * (1 - interpolated);
        })], attention);

        double Mscale(double m) => factor <= 1 ? 1 : 0.1 * m * Math.Log(factor) + 1;
        double CorrectionDimension(double rotations) => dimension * Math.Log(original / (rotations * 2 * Math.PI)) / (2 * Math.Log(theta));
    }

    private sealed class Parameters(JsonObject json)
    {
        public double? Number(string name) => json[name] is JsonValue value && value.TryGetValue(out double number) ? number : null;

        public string? Text(string name) => json[name] is JsonValue value && value.TryGetValue(out string? text) ? text : null;

        public bool? Bool(string name) => json[name] is JsonValue value && value.TryGetValue(out bool flag) ? flag : null;

        public double Required(string name) => Number(name)
            ?? throw new CheckpointException($"config.json scales RoPE with {json.ToJsonString()}, which has no number '{name}'.");
    }
}
