using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;
using Sleb.Onnx;
using Sleb.Onnx.Runtime;
using Sleb.Torch.Scoring;

namespace Sleb.Tests.Onnx;

/// <summary>What a config can say beside the conformance folders: the same model in other words, another model, and what is refused.</summary>
/// <remarks>Each row is changes to a folder's config.json; "-" takes a key out. Weights the changed config asks for are made up.</remarks>
public class ConfigVariantTests
{
    private const double MaxLogitDifference = 2e-4;

    private static readonly Dictionary<string, (string Folder, string Changes)> Spellings = new()
    {
        ["gemma3_text, pattern and RoPE as transformers 4 writes them"] = ("gemma3_text", """{"layer_types": "-", "rope_parameters": "-", "_sliding_window_pattern": "-", "tie_word_embeddings": "-", "sliding_window_pattern": 3, "rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": null}"""),
        ["gemma3_text, RoPE by default"] = ("gemma3_text", """{"rope_parameters": {"full_attention": {"rope_type": "default"}}}"""),
        ["gemma2, everything written out"] = ("gemma2", """{"layer_types": ["sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention"], "rope_theta": "-", "rope_scaling": "-", "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}, "tie_word_embeddings": true}"""),
        ["smollm3, the list of NoPE blocks alone"] = ("smollm3", """{"layer_types": "-", "no_rope_layer_interval": "-", "use_sliding_window": "-", "rope_theta": "-", "rope_parameters": {"rope_type": "default", "rope_theta": 5e6}}"""),
        ["qwen2, a first local block behind the last"] = ("qwen2", """{"use_sliding_window": true, "sliding_window": 6, "max_window_layers": 5}"""),
        ["qwen2, windows in use from the 28th block on"] = ("qwen2", """{"use_sliding_window": true, "sliding_window": 6, "max_window_layers": "-"}"""),
        ["qwen2, windows in use but none given"] = ("qwen2", """{"use_sliding_window": true, "sliding_window": null, "max_window_layers": 0}"""),
        ["qwen3, a window that is not in use"] = ("qwen3", """{"sliding_window": 6, "layer_types": "-", "max_window_layers": 1}"""),
        ["qwen3_moe, the older name, and defaults left out"] = ("qwen3-moe", """{"num_local_experts": "-", "num_experts": 4, "mlp_only_layers": "-", "decoder_sparse_step": "-"}"""),
        ["phi3, long RoPE within the trained context"] = ("phi3", """{"max_position_embeddings": 256, "rope_scaling": {"type": "su", "attention_factor": 1.0, "short_factor": [1,1,1,1,1,1,1,1], "long_factor": [2,2,2,2,2,2,2,2]}}"""),
        ["llama, dynamic NTK within the context"] = ("llama", """{"rope_scaling": {"type": "dynamic", "factor": 4.0}}"""),
        ["granite, defaults left out"] = ("granite", """{"rope_theta": "-", "rms_norm_eps": "-", "attention_bias": "-", "mlp_bias": "-", "hidden_act": "-"}"""),
    };

    private static readonly Dictionary<string, (string Folder, string Changes)> Others = new()
    {
        ["qwen2, upper blocks local"] = ("qwen2", """{"use_sliding_window": true, "sliding_window": 6, "max_window_layers": 2}"""),
        ["qwen2, all blocks local"] = ("qwen2", """{"use_sliding_window": true, "sliding_window": 6, "max_window_layers": 0}"""),
        ["qwen3, local by layer_types, biases"] = ("qwen3", """{"use_sliding_window": true, "sliding_window": 5, "layer_types": ["full_attention","sliding_attention","full_attention","sliding_attention","full_attention"], "attention_bias": true}"""),
        ["qwen3_moe, every second block sparse, one of those dense by name"] = ("qwen3-moe", """{"decoder_sparse_step": 2, "mlp_only_layers": [3]}"""),
        ["qwen3_moe, plain weights, three experts, windows, biases"] = ("qwen3-moe", """{"norm_topk_prob": false, "num_experts_per_tok": 3, "use_sliding_window": true, "sliding_window": 6, "attention_bias": true}"""),
        ["olmo2, biases"] = ("olmo2", """{"attention_bias": true}"""),
        ["smollm3, NoPE by interval, those blocks local, biases"] = ("smollm3", """{"no_rope_layers": "-", "no_rope_layer_interval": 2, "layer_types": "-", "use_sliding_window": true, "sliding_window": 6, "attention_bias": true, "mlp_bias": true}"""),
        ["granite, multipliers that are no powers of two, biases"] = ("granite", """{"logits_scaling": 3.7, "residual_multiplier": 0.22, "embedding_multiplier": 12.0, "attention_multiplier": 0.0078125, "attention_bias": true, "mlp_bias": true}"""),
        ["phi3, a window"] = ("phi3", """{"sliding_window": 6}"""),
        ["phi3, half of each head rotated"] = ("phi3", """{"partial_rotary_factor": 0.5}"""),
        ["phi3, three quarters of each head rotated"] = ("phi3", """{"rope_theta": "-", "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.75}}"""),
        ["phi3, long RoPE"] = ("phi3", """{"max_position_embeddings": 512, "rope_scaling": {"type": "longrope", "short_factor": [1,1.1,1.2,1.5,2,2.5,3,4], "long_factor": [2,2,3,4,5,6,7,8]}}"""),
        ["gemma2, no caps, another scale and window"] = ("gemma2", """{"attn_logit_softcapping": null, "final_logit_softcapping": null, "query_pre_attn_scalar": 40, "sliding_window": 3}"""),
        ["gemma2, caps by default, biases"] = ("gemma2", """{"attn_logit_softcapping": "-", "final_logit_softcapping": "-", "attention_bias": true}"""),
        ["gemma3_text, caps, scaled global RoPE, every fourth global"] = ("gemma3_text", """{"attn_logit_softcapping": 4.0, "final_logit_softcapping": 3.0, "layer_types": "-", "sliding_window_pattern": 4, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}"""),
    };

    public static TheoryData<string> SpellingNames => [.. Spellings.Keys];

    public static TheoryData<string> OtherNames => [.. Others.Keys];

    private static CancellationToken None => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(SpellingNames))]
    public void AnotherSpellingIsTheSameModelAlsoWithBlocksRemoved(string name)
    {
        var reference = ConformanceFolder.Open(Spellings[name].Folder);
        using var temporary = new TemporaryFolder();
        using var checkpoint = Changed(Spellings[name], temporary["in"]);
        using var model = TorchModel.Load(checkpoint);
        foreach (int[] removed in reference.RemovedSets)
        {
            int[] survivors = [.. Enumerable.Range(0, model.BlockCount).Except(removed)];
            string label = ConformanceFolder.Label(removed);
            using var pruned = Pruned(checkpoint, removed, temporary[label]);
            using var prunedModel = TorchModel.Load(pruned);
            OnnxExporter.Export(new() { Checkpoint = checkpoint, RemovedBlocks = removed, OutFolder = temporary["onnx", label] }, None);
            using var session = new OrtWholePass(temporary["onnx", label]);
            for (int row = 0; row < reference.Rows.Length; row++)
            {
                float[] expected = reference.Logits(removed, row);
                int[] ids = reference.Rows[row];
                Assert.InRange(EmitConformanceTests.MaxDifference(expected, model.Logits(ids, survivors)), 0, MaxLogitDifference);
                Assert.InRange(EmitConformanceTests.MaxDifference(expected, prunedModel.Logits(ids)), 0, MaxLogitDifference);
                Assert.InRange(EmitConformanceTests.MaxDifference(expected, session.Logits(ids)), 0, MaxLogitDifference);
            }
        }
    }

    [Theory, MemberData(nameof(OtherNames))]
    public void AnotherSettingIsAnotherModelThatTorchTheGraphAndAPrunedCheckpointAgreeOn(string name)
    {
        var reference = ConformanceFolder.Open(Others[name].Folder);
        using var temporary = new TemporaryFolder();
        using var checkpoint = Changed(Others[name], temporary["in"]);
        using var model = TorchModel.Load(checkpoint);
        int[] ids = reference.Rows[0];
        Assert.True(EmitConformanceTests.MaxDifference(reference.Logits([], 0), model.Logits(ids)) > 10 * MaxLogitDifference, "the change changes nothing");
        foreach (int[] removed in (int[][])[[], [0], [1, 3]])
        {
            int[] survivors = [.. Enumerable.Range(0, model.BlockCount).Except(removed)];
            float[] expected = model.Logits(ids, survivors);
            string label = ConformanceFolder.Label(removed);
            using var pruned = Pruned(checkpoint, removed, temporary[label]);
            using var prunedModel = TorchModel.Load(pruned);
            Assert.InRange(EmitConformanceTests.MaxDifference(expected, prunedModel.Logits(ids)), 0, 1e-5);

            OnnxExporter.Export(new() { Checkpoint = checkpoint, RemovedBlocks = removed, OutFolder = temporary["onnx", label] }, None);
            using var session = new OrtWholePass(temporary["onnx", label]);
            Assert.InRange(EmitConformanceTests.MaxDifference(expected, session.Logits(ids)), 0, MaxLogitDifference);
            using var generator = GenAIModel.Load(temporary["onnx", label]);
            Assert.Equal(model.Greedy(reference.GreedyPrompt, 24, [], survivors, None),
                generator.Generate(reference.GreedyPrompt, new() { MaxNewTokens = 24, IgnoreEos = true }, null, None));
        }
    }

    [Theory]
    [InlineData("qwen2", """ {"hidden_act": "relu"} """, "hidden_act 'relu'; qwen2 models with silu are supported")]
    [InlineData("gemma3_text", """ {"hidden_activation": "gelu"} """, "hidden_activation 'gelu'; gemma3_text models with gelu_pytorch_tanh are supported")]
    [InlineData("gemma3_text", """ {"use_bidirectional_attention": true} """, "use_bidirectional_attention true; gemma3_text models without it are supported")]
    [InlineData("gemma3_text", """ {"rope_parameters": {"rope_theta": 16}} """, "'rope_theta' in its rope_parameters; one set of them for each layer type is expected")]
    [InlineData("gemma2", """ {"sliding_window": null} """, "sliding_attention layers, but no sliding_window in use; gemma2 needs its size there")]
    [InlineData("gemma2", """ {"attn_logit_softcapping": 0} """, "attn_logit_softcapping that is not positive")]
    [InlineData("qwen2", """ {"layer_types": ["sliding_attention","full_attention","full_attention","full_attention","full_attention"]} """, "no sliding_window in use; qwen2 needs")]
    [InlineData("qwen3", """ {"layer_types": ["full_attention"]} """, "layer_types [\"full_attention\"]; an array of sliding_attention or full_attention for each of the 5 blocks is expected")]
    [InlineData("qwen3", """ {"layer_types": ["chunked_attention","full_attention","full_attention","full_attention","full_attention"]} """, "an array of sliding_attention or full_attention")]
    [InlineData("qwen3", """ {"head_dim": "-"} """, "asks for [512, 64]")]
    [InlineData("smollm3", """ {"no_rope_layers": [1,0]} """, "no_rope_layers [1,0]; an array of 0 or 1 for each of the 6 blocks is expected")]
    [InlineData("smollm3", """ {"no_rope_layers": "1"} """, "no_rope_layers \"1\"; an array of 0 or 1")]
    [InlineData("qwen3-moe", """ {"mlp_only_layers": "1"} """, "mlp_only_layers \"1\"; an array of block numbers is expected")]
    [InlineData("qwen3-moe", """ {"num_experts_per_tok": 5} """, "num_experts_per_tok 5 and 4 experts; the first must not be larger")]
    [InlineData("phi3", """ {"partial_rotary_factor": 1.5} """, "partial_rotary_factor 1.5; a number above 0 and up to 1 is expected")]
    [InlineData("phi3", """ {"rope_scaling": {"type": "longrope", "short_factor": [1], "long_factor": [1]}} """, "long_factor has 1 numbers; 8, half of the 16 rotated dimensions, are expected")]
    public void WhatIsNotSupportedIsRefusedByName(string folder, string changes, string says)
    {
        using var temporary = new TemporaryFolder();
        using var checkpoint = Changed((folder, changes), temporary["in"]);
        Assert.Contains(says, Assert.Throws<CheckpointException>(() => TorchModel.Load(checkpoint).Dispose()).Message, StringComparison.Ordinal);
        Assert.Contains(says, Assert.Throws<CheckpointException>(() =>
            OnnxExporter.Export(new() { Checkpoint = checkpoint, RemovedBlocks = [], OutFolder = temporary["out"] }, None)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("phi3, long RoPE", 128)] // original_max_position_embeddings
    [InlineData("gemma2, caps by default, biases", null)]
    public void ARopeThatChangesWithTheLengthEndsTheContextAndSaysSo(string name, int? context)
    {
        using var temporary = new TemporaryFolder();
        using var checkpoint = Changed(Others[name], temporary["in"]);
        var result = OnnxExporter.Export(new() { Checkpoint = checkpoint, RemovedBlocks = [1], OutFolder = temporary["out"] }, None);
        using var model = GenAIModel.Load(result.Folder);
        Assert.Equal(context ?? checkpoint.Config.MaxPositionEmbeddings, model.ContextLength);
        if (context is null) Assert.Empty(result.Notes);
        else Assert.Contains($"more than {context} tokens", Assert.Single(result.Notes), StringComparison.Ordinal);
    }

    private static Checkpoint Pruned(Checkpoint checkpoint, int[] removed, string folder)
    {
        PrunedCheckpoint.Write(checkpoint, removed, folder, overwrite: false, cancellationToken: None);
        return Checkpoint.Open(folder);
    }

    private static Checkpoint Changed((string Folder, string Changes) variant, string folder)
    {
        var copy = new CheckpointCopy(ConformanceFolder.Find(variant.Folder));
        foreach (var (key, value) in (JsonObject)JsonNode.Parse(variant.Changes)!)
            if (value is JsonValue text && text.TryGetValue(out string? word) && word == "-") copy.Config.Remove(key);
            else copy.Config[key] = value?.DeepClone();
        Complete(copy);
        return copy.Write(folder);
    }

    /// <summary>Biases and dense MLPs that the config asks for and the folder has not.</summary>
    private static void Complete(CheckpointCopy copy)
    {
        int blocks = copy.Config["num_hidden_layers"]!.GetValue<int>(), hidden = copy.Config["hidden_size"]!.GetValue<int>(), inner = copy.Config["intermediate_size"]!.GetValue<int>();
        for (int i = 0; i < blocks; i++)
        {
            if (copy.Config["decoder_sparse_step"]?.GetValue<int>() == 2)
                foreach (string name in (string[])["gate_proj", "up_proj", "down_proj"])
                    Add($"model.layers.{i}.mlp.{name}.weight", name == "down_proj" ? [hidden, inner] : [inner, hidden]);
            foreach (string part in (string[])["self_attn", "mlp"])
                if (copy.Config[part == "mlp" ? "mlp_bias" : "attention_bias"]?.GetValue<bool>() == true)
                    foreach (string weight in copy.Tensors.Keys.Where(key => key.StartsWith($"model.layers.{i}.{part}.", StringComparison.Ordinal) && key.EndsWith("_proj.weight", StringComparison.Ordinal)).ToList())
                        Add(weight.Replace(".weight", ".bias", StringComparison.Ordinal), [copy.Tensors[weight].Shape[0]]);
        }

        void Add(string name, long[] shape)
        {
            var random = new Random(name.Length + copy.Tensors.Count);
            copy.Tensors[name] = (shape, [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (product, size) => product * size)).Select(_ => (float)(random.NextDouble() - 0.5) / 4)]);
        }
    }
}
