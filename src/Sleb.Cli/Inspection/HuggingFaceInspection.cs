using Sleb.Cli.Json;
using Sleb.Core.Checkpoints;
using Sleb.Core.Families;
using Sleb.Torch.Families;

namespace Sleb.Cli.Inspection;

/// <summary>Describes a Hugging Face folder. A model that is not supported is described all the same, as far as its files tell.</summary>
internal static class HuggingFaceInspection
{
    /// <exception cref="CheckpointException">There is no config.json, or the files of a supported family are damaged.</exception>
    public static InspectDocument Describe(string folder)
    {
        var config = ModelConfig.Load(folder);
        var reasons = new List<string>();
        bool known = FamilyRegistry.All.Any(family => family.ModelType == Try(() => config.ModelType, reasons));
        if (known)
        {
            using var checkpoint = Checkpoint.Open(folder);
            reasons.AddRange(CheckpointCheck.Problems(checkpoint));
            return Describe(config, checkpoint.Parameters, checkpoint.Bytes, reasons);
        }
        // A family nobody here knows may store what the reader refuses; that is one more reason, not an error.
        if (reasons.Count == 0) Try(() => FamilyRegistry.Get(config.ModelType).ModelType, reasons);
        (long Parameters, long Bytes)? weights = null;
        try
        {
            using var checkpoint = Checkpoint.Open(folder);
            weights = (checkpoint.Parameters, checkpoint.Bytes);
        }
        catch (CheckpointException e)
        {
            reasons.Add(e.Message);
        }
        return Describe(config, weights?.Parameters, weights?.Bytes, reasons);
    }

    private static InspectDocument Describe(ModelConfig config, long? parameters, long? bytes, List<string> reasons) => new()
    {
        Family = config.Has("model_type") ? Try(() => config.ModelType, []) : null,
        Blocks = Number(config, "num_hidden_layers", "n_layer", "num_layers"),
        Parameters = parameters,
        HiddenSize = Number(config, "hidden_size", "n_embd", "d_model"),
        VocabularySize = Number(config, "vocab_size"),
        ContextLength = Number(config, "max_position_embeddings", "n_positions", "max_seq_len"),
        Bytes = bytes,
        Reasons = reasons,
    };

    /// <summary>The first of several spellings that the config has.</summary>
    private static int? Number(ModelConfig config, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
            if (config.Json()[name] is System.Text.Json.Nodes.JsonValue value && value.TryGetValue(out int number)) return number;
        return null;
    }

    private static string? Try(Func<string> read, List<string> reasons)
    {
        try
        {
            return read();
        }
        catch (CheckpointException e)
        {
            reasons.Add(e.Message);
            return null;
        }
    }
}
