using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;
using Sleb.Torch.Scoring;

namespace Sleb.Tests.Onnx;

/// <summary>Settings that the conformance folders do not show: TorchSharp and the emitted graph, written apart, agree on what they mean.</summary>
public class FamilyVariantTests
{
    private static readonly Dictionary<string, (string Folder, Action<CheckpointCopy> Change)> Changing = new()
    {
        ["opt gelu"] = ("opt", copy => copy.Config["activation_function"] = "gelu"),
        ["opt without biases and norm weights"] = ("opt", copy =>
        {
            (copy.Config["enable_bias"], copy.Config["layer_norm_elementwise_affine"]) = (false, false);
            Remove(copy, name => name.EndsWith(".bias", StringComparison.Ordinal) || name.Contains("layer_norm.", StringComparison.Ordinal));
        }
        ),
        ["opt without final norm"] = ("opt", copy =>
        {
            copy.Config["_remove_final_layer_norm"] = true;
            Remove(copy, name => name.StartsWith("model.decoder.final_layer_norm.", StringComparison.Ordinal));
        }
        ),
        ["opt with a head of its own"] = ("opt-350m-style", copy =>
        {
            copy.Config["tie_word_embeddings"] = false;
            copy.Tensors["lm_head.weight"] = ([199, 32], Values(199 * 32, 0.2f));
        }
        ),
        ["gpt2 scaled by block"] = ("gpt2", copy => copy.Config["scale_attn_by_inverse_layer_idx"] = true),
        ["gpt2 unscaled"] = ("gpt2", copy => copy.Config["scale_attn_weights"] = false),
        ["gpt2 erf"] = ("gpt2", copy => copy.Config["activation_function"] = "gelu"),
        ["gpt2 quick"] = ("gpt2", copy => copy.Config["activation_function"] = "quick_gelu"),
        ["gpt2 heads of 8"] = ("gpt2", copy => copy.Config["n_head"] = 8),
        ["gpt2 untied"] = ("gpt2", copy =>
        {
            copy.Config["tie_word_embeddings"] = false;
            copy.Tensors["lm_head.weight"] = ([199, 64], Values(199 * 64, 0.2f));
        }
        ),
        ["neox one after the other"] = ("gpt_neox", copy => copy.Config["use_parallel_residual"] = false),
        ["neox without attention biases"] = ("gpt_neox", copy =>
        {
            copy.Config["attention_bias"] = false;
            Remove(copy, name => name.EndsWith("query_key_value.bias", StringComparison.Ordinal) || name.EndsWith("attention.dense.bias", StringComparison.Ordinal));
        }
        ),
        ["neox rotating 20 of 64"] = ("gpt_neox", copy => copy.Config["rotary_pct"] = 0.3125),
        ["neox heads of 8"] = ("gpt_neox", copy => copy.Config["num_attention_heads"] = 16),
        ["neox linear"] = ("gpt_neox", copy => copy.Config["rope_scaling"] = new JsonObject { ["type"] = "linear", ["factor"] = 4.0 }),
        ["neox tied"] = ("gpt_neox", copy =>
        {
            copy.Config["tie_word_embeddings"] = true;
            copy.Tensors.Remove("embed_out.weight");
        }
        ),
        ["phi norms on heads"] = ("phi", copy =>
        {
            copy.Config["qk_layernorm"] = true;
            for (int block = 0; block < 5; block++)
                foreach (string norm in (string[])["q_layernorm", "k_layernorm"])
                {
                    copy.Tensors[$"model.layers.{block}.self_attn.{norm}.weight"] = ([16], Values(16, 2));
                    copy.Tensors[$"model.layers.{block}.self_attn.{norm}.bias"] = ([16], Values(16, 0.5f));
                }
        }
        ),
        ["phi fewer keys"] = ("phi", copy =>
        {
            copy.Config["num_key_value_heads"] = 2;
            KeepKeys(copy, 32);
        }
        ),
        ["phi rotating all"] = ("phi", copy => copy.Config["partial_rotary_factor"] = 1.0),
        ["phi tied"] = ("phi", copy =>
        {
            copy.Config["tie_word_embeddings"] = true;
            copy.Tensors.Remove("lm_head.weight");
        }
        ),
        ["stablelm parallel"] = ("stablelm", copy =>
        {
            copy.Config["use_parallel_residual"] = true;
            Remove(copy, name => name.Contains("post_attention_layernorm", StringComparison.Ordinal));
        }
        ),
        ["stablelm norms on heads"] = ("stablelm", copy =>
        {
            copy.Config["qk_layernorm"] = true;
            for (int block = 0; block < 5; block++)
                for (int head = 0; head < 4; head++)
                {
                    copy.Tensors[$"model.layers.{block}.self_attn.q_layernorm.norms.{head}.weight"] = ([16], Values(16, head + 1));
                    if (head < 2) copy.Tensors[$"model.layers.{block}.self_attn.k_layernorm.norms.{head}.weight"] = ([16], Values(16, 3 - head));
                }
        }
        ),
        ["stablelm without biases"] = ("stablelm", copy =>
        {
            copy.Config["use_qkv_bias"] = false;
            Remove(copy, name => name.Contains("_proj.bias", StringComparison.Ordinal));
        }
        ),
        ["stablelm rotating all, gelu"] = ("stablelm", copy => (copy.Config["partial_rotary_factor"], copy.Config["hidden_act"]) = (1.0, "gelu_pytorch_tanh")),
    };

    private static readonly Dictionary<string, (string Folder, Action<CheckpointCopy> Change)> Equal = new()
    {
        ["gpt2 without prefix, with masks"] = ("gpt2", copy =>
        {
            Strip(copy, "transformer.");
            for (int block = 0; block < 5; block++)
            {
                copy.Tensors[$"h.{block}.attn.bias"] = ([1, 1, 128, 128], new float[128 * 128]);
                copy.Tensors[$"h.{block}.attn.masked_bias"] = ([], [-1e4f]);
            }
        }
        ),
        ["gpt2 in the common spelling"] = ("gpt2", copy =>
        {
            foreach (var (own, common) in ((string, string)[])[("n_embd", "hidden_size"), ("n_layer", "num_hidden_layers"), ("n_head", "num_attention_heads"), ("n_positions", "max_position_embeddings")])
            {
                copy.Config[common] = copy.Config[own]!.DeepClone();
                copy.Config.Remove(own);
            }
        }
        ),
        ["gpt2 by defaults"] = ("gpt2", copy => Array.ForEach(["activation_function", "layer_norm_epsilon", "n_inner", "scale_attn_weights"], key => copy.Config.Remove(key))),
        ["opt without prefix"] = ("opt", copy => Strip(copy, "model.")),
        ["opt by defaults"] = ("opt", copy => Array.ForEach(["activation_function", "do_layer_norm_before", "enable_bias", "word_embed_proj_dim"], key => copy.Config.Remove(key))),
        ["neox in version 5's spelling"] = ("gpt_neox", copy =>
        {
            Array.ForEach(["rotary_pct", "rotary_emb_base", "rope_scaling"], key => copy.Config.Remove(key));
            copy.Config["rope_parameters"] = new JsonObject { ["rope_theta"] = 10000.0, ["partial_rotary_factor"] = 0.25, ["rope_type"] = "default" };
        }
        ),
        ["neox with masks"] = ("gpt_neox", copy =>
        {
            copy.Tensors["gpt_neox.layers.2.attention.bias"] = ([1, 1, 4, 4], new float[16]);
            copy.Tensors["gpt_neox.layers.2.attention.masked_bias"] = ([], [float.NegativeInfinity]);
            copy.Tensors["gpt_neox.layers.2.attention.rotary_emb.inv_freq"] = ([8], new float[8]);
        }
        ),
        ["phi in version 5's spelling"] = ("phi", copy =>
        {
            Array.ForEach(["partial_rotary_factor", "rope_theta", "rope_scaling"], key => copy.Config.Remove(key));
            copy.Config["rope_parameters"] = new JsonObject { ["rope_theta"] = 10000.0, ["partial_rotary_factor"] = 0.5, ["rope_type"] = "default" };
        }
        ),
    };

    private static readonly Dictionary<string, (string Folder, Action<CheckpointCopy> Change, string Says)> Refused = new()
    {
        ["gpt2 with an encoder"] = ("gpt2", copy => copy.Config["add_cross_attention"] = true, "add_cross_attention true"),
        ["gpt2 with mish"] = ("gpt2", copy => copy.Config["activation_function"] = "mish", "activation_function 'mish'"),
        ["phi rotating nothing"] = ("phi", copy => copy.Config["partial_rotary_factor"] = 0.0, "partial_rotary_factor 0"),
        ["neox rotating too much"] = ("gpt_neox", copy => copy.Config["rotary_pct"] = 1.5, "rotary_pct 1.5"),
        ["gpt2 without a size"] = ("gpt2", copy => copy.Config.Remove("n_embd"), "no n_embd"),
        ["phi without its head's bias"] = ("phi", copy => copy.Tensors.Remove("lm_head.bias"), "'lm_head.bias'"),
    };

    public static TheoryData<string> ChangingNames => [.. Changing.Keys];

    public static TheoryData<string> EqualNames => [.. Equal.Keys];

    public static TheoryData<string> RefusedNames => [.. Refused.Keys];

    [Theory, MemberData(nameof(ChangingNames))]
    public void ASettingMovesBothTheSameWay(string name)
    {
        var (folder, change) = Changing[name];
        int[] ids = ConformanceFolder.Open(folder).Rows[0];
        using var exported = Exported.Changed(ConformanceFolder.Find(folder), change);
        float[] torch = TorchLogits(folder, change, ids);
        float[] plain = ConformanceFolder.Open(folder).Logits([], 0);
        Assert.InRange(EmitConformanceTests.MaxDifference(torch, exported.Model.Logits(ids, TestContext.Current.CancellationToken)), 0, 2e-4);
        Assert.True(EmitConformanceTests.MaxDifference(plain, torch) > 1e-3, "the setting changes nothing");
    }

    [Theory, MemberData(nameof(EqualNames))]
    public void AnotherSpellingIsTheSameModel(string name)
    {
        var (folder, change) = Equal[name];
        var reference = ConformanceFolder.Open(folder);
        using var exported = Exported.Changed(ConformanceFolder.Find(folder), change);
        Assert.InRange(EmitConformanceTests.MaxDifference(reference.Logits([], 0), TorchLogits(folder, change, reference.Rows[0])), 0, 2e-4);
        Assert.InRange(EmitConformanceTests.MaxDifference(reference.Logits([], 0), exported.Model.Logits(reference.Rows[0], TestContext.Current.CancellationToken)), 0, 2e-4);

        // And without blocks 1 and 3, as a checkpoint of the same spelling.
        using var temporary = new TemporaryFolder();
        var copy = new CheckpointCopy(ConformanceFolder.Find(folder));
        change(copy);
        using var checkpoint = copy.Write(temporary["in"]);
        PrunedCheckpoint.Write(checkpoint, [1, 3], temporary["out"], overwrite: false, cancellationToken: TestContext.Current.CancellationToken);
        using var pruned = Checkpoint.Open(temporary["out"]);
        using var model = TorchModel.Load(pruned);
        Assert.InRange(EmitConformanceTests.MaxDifference(reference.Logits([1, 3], 0), model.Logits(reference.Rows[0])), 0, 2e-4);
        Assert.Equal(copy.Config.Select(pair => pair.Key), pruned.Config.Json().Select(pair => pair.Key));
    }

    [Theory, MemberData(nameof(RefusedNames))]
    public void WhatIsNotSupportedIsRefusedByName(string name)
    {
        var (folder, change, says) = Refused[name];
        Assert.Contains(says, Assert.Throws<CheckpointException>(() => Exported.Changed(ConformanceFolder.Find(folder), change).Dispose()).Message);
        Assert.Contains(says, Assert.Throws<CheckpointException>(() => TorchLogits(folder, change, [1, 2])).Message);
    }

    [Fact]
    public void ATextBeyondTheLearnedPositionsIsRefused()
    {
        using var checkpoint = ConformanceFolder.Open("opt").Checkpoint();
        using var model = TorchModel.Load(checkpoint);
        Assert.Equal(128 * 199, model.Logits(new int[128]).Length);
        Assert.Contains("129 tokens was given to a model of 128 positions", Assert.Throws<ArgumentException>(() => model.Logits(new int[129])).Message);
    }

    private static float[] TorchLogits(string folder, Action<CheckpointCopy> change, int[] ids)
    {
        using var temporary = new TemporaryFolder();
        var copy = new CheckpointCopy(ConformanceFolder.Find(folder));
        change(copy);
        using var checkpoint = copy.Write(temporary["checkpoint"]);
        using var model = TorchModel.Load(checkpoint);
        return model.Logits(ids);
    }

    private static void Remove(CheckpointCopy copy, Func<string, bool> where)
    {
        string[] names = [.. copy.Tensors.Keys.Where(where)];
        Assert.NotEmpty(names);
        Array.ForEach(names, name => copy.Tensors.Remove(name));
    }

    private static void Strip(CheckpointCopy copy, string prefix)
    {
        foreach (string name in copy.Tensors.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).ToList())
        {
            copy.Tensors[name[prefix.Length..]] = copy.Tensors[name];
            copy.Tensors.Remove(name);
        }
    }

    /// <summary>Key and value projections cut to their first rows.</summary>
    private static void KeepKeys(CheckpointCopy copy, int rows)
    {
        foreach (string name in copy.Tensors.Keys.Where(name => name.Contains(".k_proj.", StringComparison.Ordinal) || name.Contains(".v_proj.", StringComparison.Ordinal)).ToList())
        {
            var (shape, values) = copy.Tensors[name];
            copy.Tensors[name] = ([rows, .. shape[1..]], values[..(int)(values.Length * rows / shape[0])]);
        }
    }

    /// <summary>Numbers without a pattern that a mistake could fit.</summary>
    private static float[] Values(int count, float scale)
    {
        var random = new Random(count);
        return [.. Enumerable.Range(0, count).Select(_ => scale * (float)(random.NextDouble() + 0.1))];
    }
}
