using Sleb.Core.Checkpoints;

namespace Sleb.Core.Families;

/// <summary>Settings that a family's code takes for granted: any other value is refused by name.</summary>
internal static class Settings
{
    /// <param name="expected">The one activation that is written; also what an absent key means.</param>
    public static void RequireActivation(ModelConfig config, string key, string expected)
    {
        if (config.Text(key) is { } found && found != expected)
            throw new CheckpointException($"config.json has {key} '{Excerpt.Of(found)}'; {config.ModelType} models with {expected} are supported.");
    }

    public static void RequireFalse(ModelConfig config, string key)
    {
        if (config.Bool(key, absent: false))
            throw new CheckpointException($"config.json has {key} true; {config.ModelType} models without it are supported.");
    }

    /// <summary>A soft cap: null where there is none, else x becomes cap * tanh(x / cap).</summary>
    /// <param name="absent">What an absent key means; an explicit null is no cap.</param>
    public static double? SoftCap(ModelConfig config, string key, double? absent)
    {
        if (!config.Has(key)) return config.Names(key) ? null : absent;
        double cap = config.Number(key, 0);
        return cap > 0 ? cap : throw new CheckpointException($"config.json has {key} that is not positive; a positive number or null is expected.");
    }

    /// <summary>Experts of a block and how many of them a token goes through; transformers 5 renamed num_experts to num_local_experts.</summary>
    public static (int Count, int Top) Experts(ModelConfig config)
    {
        int count = config.Int("num_local_experts", config.Int("num_experts", absent: 128)), top = config.Int("num_experts_per_tok", absent: 8);
        return top <= count ? (count, top)
            : throw new CheckpointException($"config.json has num_experts_per_tok {top} and {count} experts; the first must not be larger.");
    }
}
