using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;

namespace Sleb.Tests.Checkpoints;

/// <summary>Is every key that depends on a block's index corrected, and every other one left alone?</summary>
public sealed class PrunedConfigTests
{
    [Theory]
    // arrays of one entry a block
    [InlineData(""" "layer_types": ["a","b","c","d"] """, """ "layer_types": ["a","d"] """)]
    [InlineData(""" "no_rope_layers": [1,0,1,1], "mlp_layer_types": ["d","s","s","s"] """, """ "no_rope_layers": [1,1], "mlp_layer_types": ["d","s"] """)]
    [InlineData(""" "no_rope_layers": [1,0,1,0,9,9] """, """ "no_rope_layers": [1,0] """)] // read from the front
    [InlineData(""" "layer_types": null """, """ "layer_types": null """)]
    // an array of four that is no such array
    [InlineData(""" "sizes": [1,2,3,4] """, """ "sizes": [1,2,3,4] """)]
    // patterns implied by the index, written out: gemma2 alternates, gemma3 has every n-th global, smollm3 every n-th without RoPE
    [InlineData(""" "model_type": "gemma2" """, """ "model_type": "gemma2", "layer_types": ["sliding_attention","full_attention"] """)]
    [InlineData(""" "model_type": "gemma3_text", "sliding_window_pattern": 4 """, """ "model_type": "gemma3_text", "sliding_window_pattern": 4, "layer_types": ["sliding_attention","full_attention"] """)]
    [InlineData(""" "model_type": "gemma3_text" """, """ "model_type": "gemma3_text", "layer_types": ["sliding_attention","sliding_attention"] """)]
    [InlineData(""" "model_type": "gemma3_text", "layer_types": ["w","x","y","z"] """, """ "model_type": "gemma3_text", "layer_types": ["w","z"] """)]
    [InlineData(""" "model_type": "smollm3" """, """ "model_type": "smollm3", "no_rope_layers": [1,0] """)]
    // experts: which blocks are dense
    [InlineData(""" "mlp_only_layers": [1,3], "decoder_sparse_step": 1 """, """ "mlp_only_layers": [1], "decoder_sparse_step": 1 """)]
    [InlineData(""" "mlp_only_layers": [], "decoder_sparse_step": 1 """, """ "mlp_only_layers": [], "decoder_sparse_step": 1 """)]
    [InlineData(""" "mlp_only_layers": [], "decoder_sparse_step": 2 """, """ "mlp_only_layers": [0], "decoder_sparse_step": 1 """)]
    // blocks from max_window_layers on are local, where windows are used at all
    [InlineData(""" "max_window_layers": 2, "use_sliding_window": true """, """ "max_window_layers": 1, "use_sliding_window": true """)]
    [InlineData(""" "max_window_layers": 2, "use_sliding_window": false """, """ "max_window_layers": 2, "use_sliding_window": false """)]
    [InlineData(""" "scale_attn_by_inverse_layer_idx": false """, """ "scale_attn_by_inverse_layer_idx": false """)]
    public void Without_blocks_1_and_2_of_4(string keys, string expected)
    {
        var cut = PrunedConfig.Cut(TinyModel.LoadConfig($$"""{ {{Typed(keys)}}, "num_hidden_layers": 4 }"""), [0, 3]);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse($$"""{ {{Typed(expected)}}, "num_hidden_layers": 2 }"""), cut), cut.ToJsonString());
    }

    [Theory]
    [InlineData(""" "layer_types": ["a","b"] """, "layer_types [\"a\",\"b\"]; an array with an entry for each of the 4 blocks is expected")]
    [InlineData(""" "layer_types": "a" """, "layer_types \"a\"; an array")]
    [InlineData(""" "mlp_only_layers": ["1"] """, "mlp_only_layers [\"1\"]; an array of block numbers is expected")]
    [InlineData(""" "scale_attn_by_inverse_layer_idx": true """, "only the last blocks of this model can be removed")]
    public void What_cannot_be_cut_is_refused_by_name(string keys, string says) =>
        Assert.Contains(says, Assert.Throws<CheckpointException>(
            () => PrunedConfig.Cut(TinyModel.LoadConfig($$"""{ {{Typed(keys)}}, "num_hidden_layers": 4 }"""), [0, 3])).Message, StringComparison.Ordinal);

    [Fact]
    public void The_last_blocks_of_a_model_that_scales_by_index_can_go()
    {
        var config = TinyModel.LoadConfig("""{"model_type": "gpt2", "scale_attn_by_inverse_layer_idx": true, "num_hidden_layers": 4}""");
        Assert.Equal(2, (int)PrunedConfig.Cut(config, [0, 1])["num_hidden_layers"]!);
    }

    [Fact]
    public void Keys_keep_their_order_and_numbers_their_spelling()
    {
        const string Text = """{"z":1e-05,"model_type":"llama","num_hidden_layers":2,"a":{"y":10000.0,"x":[1.50]},"größe":"<5>"}""";
        var cut = PrunedConfig.Cut(TinyModel.LoadConfig(Text), [1]);
        using var folder = new TemporaryFolder();
        ModelFolder.WriteJson(folder["config.json"], cut);
        Assert.Equal("{\n  \"z\": 1e-05,\n  \"model_type\": \"llama\",\n  \"num_hidden_layers\": 1,\n  \"a\": {\n    \"y\": 10000.0,\n    \"x\": [\n      1.50\n    ]\n  },\n  \"größe\": \"<5>\"\n}\n",
            File.ReadAllText(folder["config.json"]));
    }

    private static string Typed(string keys) => keys.Contains("model_type", StringComparison.Ordinal) ? keys : keys + ", \"model_type\": \"llama\"";
}
