using System.Globalization;
using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;

namespace Sleb.Core.Families;

/// <summary>Rotary position embedding: inverse frequencies and the factor on cosine and sine, from either style of config.json.</summary>
/// <remarks>
/// RoFormer (Su et al. 2021); linear scaling (Chen et al. 2023), dynamic NTK (bloc97, emozilla 2023), YaRN (Peng et al. 2023),
/// LongRoPE (Ding et al. 2024), Llama 3.1's scaling. Arithmetic follows transformers: frequencies and angles in float32, so that long
/// positions round as the reference's do.
/// </remarks>
internal sealed class RotaryEmbedding
{
    private readonly float[] _inverseFrequencies;
    private readonly double _factor;
    private readonly Func<int, double[]>? _whenLonger;

    private RotaryEmbedding(double[] inverseFrequencies, double factor, int? fixedUpTo = null, Func<int, double[]>? whenLonger = null)
    {
        if (!double.IsFinite(factor)) throw NotPositive();
        _inverseFrequencies = Checked(inverseFrequencies);
        _factor = factor;
        FixedUpTo = fixedUpTo;
        _whenLonger = whenLonger;
    }

    /// <summary>Rotated dimensions of a head, twice the number of frequencies.</summary>
    public int Dimension => 2 * _inverseFrequencies.Length;

    /// <summary>In a longer sequence every position has other frequencies; null where the length never matters.</summary>
    public int? FixedUpTo { get; }

    /// <param name="dimension">Rotated dimensions of a head.</param>
    /// <param name="defaultTheta">The family's base where the config has none.</param>
    public static RotaryEmbedding Create(ModelConfig config, int dimension, double defaultTheta = 10000)
    {
        var parameters = Parameters.Of(config);
        parameters.RefuseNested();
        return Create(config, dimension, parameters, parameters.Number("rope_theta") ?? config.Number("rope_theta", defaultTheta));
    }

    /// <summary>Gemma 3: one set of parameters for each type of layer, and a rope_scaling that is for the global ones.</summary>
    public static RotaryEmbedding CreateFor(string layerType, ModelConfig config, int dimension)
    {
        bool global = layerType == "full_attention";
        var nested = config.Object("rope_parameters") ?? [];
        if (nested.FirstOrDefault(pair => pair.Value is not (null or JsonObject)).Key is { } key)
            throw new CheckpointException($"config.json has '{Excerpt.Of(key)}' in its rope_parameters; one set of them for each layer type is expected.");
        var json = (JsonObject)(nested[layerType] ?? new JsonObject()).DeepClone();
        if (global)
            foreach (var (name, value) in config.Object("rope_scaling") ?? []) json[name] = value?.DeepClone();
        var parameters = new Parameters(json);
        return Create(config, dimension, parameters,
            parameters.Number("rope_theta") ?? (global ? config.Number("rope_theta", 1e6) : config.Number("rope_local_base_freq", 1e4)));
    }

    /// <summary>How many of a head's dimensions are rotated, by <c>partial_rotary_factor</c>.</summary>
    /// <param name="absent">The family's factor where the config has none.</param>
    public static int PartialDimension(ModelConfig config, int headDim, double absent)
    {
        double factor = Parameters.Of(config).Number("partial_rotary_factor") ?? config.Number("partial_rotary_factor", absent);
        return factor is > 0 and <= 1 ? (int)(headDim * factor)
            : throw new CheckpointException(string.Create(CultureInfo.InvariantCulture, $"config.json has {config.Key("partial_rotary_factor")} {factor}; a number above 0 and up to 1 is expected."));
    }

    private static RotaryEmbedding Create(ModelConfig config, int dimension, Parameters parameters, double theta)
    {
        if (dimension <= 0 || dimension % 2 != 0)
            throw new CheckpointException($"config.json asks for RoPE over {dimension} dimensions of a head; an even, positive number is expected.");
        bool phi3 = config.Text("model_type") == "phi3";
        double[] plain = Powers(theta, dimension);
        return (parameters.Text("rope_type") ?? parameters.Text("type") ?? "default") switch
        {
            "default" => new(plain, 1),
            "linear" => new([.. plain.Select(f => f / parameters.Required("factor"))], 1),
            "dynamic" => Dynamic(plain, parameters, theta, config.MaxPositionEmbeddings),
            "llama3" => new(Llama3(plain, parameters, Original()), 1),
            "longrope" => LongRope(plain, parameters, Original(), config.MaxPositionEmbeddings),
            "su" or "yarn" when phi3 => LongRope(plain, parameters, Original(), config.MaxPositionEmbeddings), // its first configs' names for it
            "yarn" => Yarn(plain, parameters, theta, Original(), config.MaxPositionEmbeddings),
            var other => throw new CheckpointException($"config.json has rope_type '{Excerpt.Of(other)}', which is not supported; supported are default, linear, dynamic, llama3, longrope and yarn."),
        };

        double Original()
        {
            // Phi-3 and its like keep the trained context beside the parameters, and there it wins; Phi-3's absent one is 4096.
            double original = phi3 || config.Has("original_max_position_embeddings") ? config.Number("original_max_position_embeddings", 4096)
                : parameters.Number("original_max_position_embeddings") ?? config.MaxPositionEmbeddings;
            return original > 0 ? original : throw new CheckpointException("config.json's original_max_position_embeddings must be positive.");
        }
    }

    /// <summary>
    /// Cosines and sines of a sequence of so many positions, row-major <c>[positions, Dimension / 2]</c>, scaled by YaRN's or LongRoPE's
    /// attention factor.
    /// </summary>
    public (float[] Cos, float[] Sin) Table(int positions)
    {
        int half = _inverseFrequencies.Length;
        float[] frequencies = positions > FixedUpTo ? Checked(_whenLonger!(positions)) : _inverseFrequencies;
        var cos = new float[positions * half];
        var sin = new float[positions * half];
        for (int p = 0; p < positions; p++)
            for (int i = 0; i < half; i++)
            {
                float angle = p * frequencies[i];
                cos[p * half + i] = (float)(Math.Cos(angle) * _factor);
                sin[p * half + i] = (float)(Math.Sin(angle) * _factor);
            }
        return (cos, sin);
    }

    private static double[] Powers(double theta, int dimension) =>
        [.. Enumerable.Range(0, dimension / 2).Select(i => 1 / Math.Pow(theta, 2.0 * i / dimension))];

    /// <summary>The base grows with the sequence once it is longer than the context; up to there it is the plain one.</summary>
    private static RotaryEmbedding Dynamic(double[] plain, Parameters parameters, double theta, int context)
    {
        double factor = parameters.Required("factor");
        int dimension = 2 * plain.Length;
        return new(plain, 1, context, length =>
            Powers(theta * Math.Pow(factor * length / context - (factor - 1), dimension / (dimension - 2.0)), dimension));
    }

    /// <summary>Each frequency has a divisor of its own, one for sequences within the trained context and one for longer ones.</summary>
    private static RotaryEmbedding LongRope(double[] plain, Parameters parameters, double original, int context)
    {
        double factor = parameters.Number("factor") ?? context / original;
        double attention = parameters.Number("attention_factor") ?? (factor <= 1 ? 1 : Math.Sqrt(1 + Math.Log(factor) / Math.Log(original)));
        double[] longer = Divided("long_factor");
        return new(Divided("short_factor"), attention, (int)original, _ => longer);

        double[] Divided(string name)
        {
            double[] divisors = parameters.Numbers(name);
            return divisors.Length == plain.Length ? [.. plain.Zip(divisors, (f, divisor) => f / divisor)]
                : throw new CheckpointException($"config.json's {name} has {divisors.Length} numbers; {plain.Length}, half of the {2 * plain.Length} rotated dimensions, are expected.");
        }
    }

    private static double[] Llama3(double[] plain, Parameters parameters, double original)
    {
        double factor = parameters.Required("factor"), low = parameters.Required("low_freq_factor"), high = parameters.Required("high_freq_factor");
        return [.. plain.Select(f =>
        {
            double turns = original * f / (2 * Math.PI); // trained context over wavelength
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

    private static float[] Checked(double[] frequencies) =>
        frequencies.All(f => f > 0 && double.IsFinite(f)) ? [.. frequencies.Select(f => (float)f)] : throw NotPositive();

    private static CheckpointException NotPositive() =>
        new("config.json's RoPE settings give frequencies that are not positive numbers; its rope_theta and the numbers of its rope_scaling or rope_parameters must be positive.");

    private sealed class Parameters(JsonObject json)
    {
        /// <summary>transformers 5 keeps everything in rope_parameters; a rope_scaling with anything in it replaces that entirely.</summary>
        public static Parameters Of(ModelConfig config) =>
            new(config.Object("rope_scaling") is { Count: > 0 } scaling ? scaling : config.Object("rope_parameters") ?? []);

        public double? Number(string name) => Value<double?>(name, "a number");

        public string? Text(string name) => Value<string>(name, "a string");

        public bool? Bool(string name) => Value<bool?>(name, "true or false");

        public double[] Numbers(string name) => json[name] is JsonArray array
            && array.Select(node => node is JsonValue value && value.TryGetValue(out double number) ? number : (double?)null).ToArray() is var numbers
            && Array.TrueForAll(numbers, number => number is not null) ? [.. numbers.Select(number => number!.Value)]
            : throw new CheckpointException($"config.json scales RoPE with {Excerpt.Of(json.ToJsonString())}, which has no array of numbers '{name}'.");

        /// <summary>Gemma 3 has one set of parameters per layer type: read as one set, every frequency would be the default.</summary>
        public void RefuseNested()
        {
            if (json.FirstOrDefault(pair => pair.Value is JsonObject).Key is { } key)
                throw new CheckpointException($"config.json nests its RoPE settings ('{Excerpt.Of(key)}'); one set for all blocks is supported.");
        }

        public double Required(string name) => Number(name)
            ?? throw new CheckpointException($"config.json scales RoPE with {Excerpt.Of(json.ToJsonString())}, which has no number '{name}'.");

        private T? Value<T>(string name, string expected) => json[name] switch
        {
            null => default,
            JsonValue value when value.TryGetValue(out T? result) => result,
            var node => throw new CheckpointException($"config.json's RoPE settings have {name} {Excerpt.Of(node.ToJsonString())}; {expected} is expected."),
        };
    }
}
