using Sleb.Core.Checkpoints;
using Sleb.Core.Families;

namespace Sleb.Tests.Checkpoints;

/// <summary>Is RoPE read from either style of config.json as transformers reads it?</summary>
/// <remarks>Expected frequencies were computed outside this code, in Python from the formulas of transformers' modeling_rope_utils.</remarks>
public sealed class RotaryEmbeddingTests
{
    private const string Base = """ "max_position_embeddings": 128, "model_type": "llama" """;

    [Fact]
    public void Default_frequencies_are_powers_of_theta()
    {
        Frequencies("{" + Base + "}", 8, (0, 1), (1, 0.1), (2, 0.01), (3, 0.001));
        Frequencies($$"""{ {{Base}}, "rope_theta": 16 }""", 8, (0, 1), (1, 0.5), (2, 0.25), (3, 0.125));
        Frequencies($$"""{ {{Base}}, "rope_parameters": {"rope_theta": 16, "rope_type": "default"} }""", 8, (0, 1), (1, 0.5), (2, 0.25), (3, 0.125));
    }

    [Fact]
    public void The_family_says_what_an_absent_theta_is() =>
        Assert.Equal(0.5f, Angle(RotaryEmbedding.Create(TinyModel.LoadConfig("{" + Base + "}"), 8, defaultTheta: 16), 1), 1e-6f);

    [Theory]
    // rope_parameters beats a top-level theta
    [InlineData(""" "rope_theta": 10000, "rope_parameters": {"rope_theta": 16} """, 0.5)]
    // ... and takes it where it has none itself
    [InlineData(""" "rope_theta": 16, "rope_parameters": {"rope_type": "default"} """, 0.5)]
    // a rope_scaling that is not null replaces rope_parameters entirely
    [InlineData(""" "rope_theta": 16, "rope_scaling": {"type": "linear", "factor": 4}, "rope_parameters": {"rope_theta": 10000} """, 0.125)]
    [InlineData(""" "rope_theta": 16, "rope_scaling": {"type": "default"}, "rope_parameters": {"rope_type": "linear", "factor": 4, "rope_theta": 10000} """, 0.5)]
    [InlineData(""" "rope_scaling": {"type": "linear", "factor": 4, "rope_theta": 16}, "rope_theta": 10000 """, 0.125)]
    // null or empty does not
    [InlineData(""" "rope_scaling": null, "rope_parameters": {"rope_theta": 16} """, 0.5)]
    [InlineData(""" "rope_scaling": {}, "rope_parameters": {"rope_theta": 16} """, 0.5)]
    // rope_type beats type, and type alone works
    [InlineData(""" "rope_theta": 16, "rope_scaling": {"rope_type": "linear", "type": "default", "factor": 4} """, 0.125)]
    [InlineData(""" "rope_theta": 16, "rope_scaling": {"rope_type": "default", "type": "linear", "factor": 4} """, 0.5)]
    [InlineData(""" "rope_theta": 16, "rope_parameters": {"type": "linear", "factor": 4} """, 0.125)]
    public void Precedence_is_that_of_transformers(string keys, double second) =>
        Frequencies($$"""{ {{Base}}, {{keys}} }""", 8, (1, second));

    [Fact]
    public void Llama3_scaling() // Llama 3.1 8B
    {
        const string Parameters = """ "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192, "rope_type": "llama3" """;
        (int, double)[] expected =
        [
            (0, 1.0), (20, 0.016560440080994446), (28, 0.0032114459947525913), (29, 0.002166570763503359), (30, 0.0013718935677611381),
            (32, 0.0005248461609929547), (35, 9.556212353964683e-05), (36, 7.78465527393245e-05), (40, 3.428102195952591e-05), (63, 3.068925988914511e-07),
        ];
        Frequencies($$"""{"max_position_embeddings": 131072, "rope_theta": 500000.0, "rope_scaling": { {{Parameters}} } }""", 128, expected);
        Frequencies($$"""{"max_position_embeddings": 131072, "rope_parameters": { {{Parameters}}, "rope_theta": 500000.0 } }""", 128, expected);
    }

    [Theory]
    // a trained context that is absent is max_position_embeddings; one beside the parameters (Phi-3) beats the one in them
    [InlineData(""" "max_position_embeddings": 8192, "rope_scaling": {PARAMETERS} """)]
    [InlineData(""" "max_position_embeddings": 131072, "original_max_position_embeddings": 8192, "rope_scaling": {PARAMETERS} """)]
    [InlineData(""" "max_position_embeddings": 131072, "original_max_position_embeddings": 8192, "rope_scaling": {PARAMETERS, "original_max_position_embeddings": 64} """)]
    public void The_trained_context_is_found_wherever_it_stands(string keys) => // Llama 3.2 1B
        Frequencies("{" + keys.Replace("PARAMETERS", """ "rope_type": "llama3", "factor": 32, "low_freq_factor": 1, "high_freq_factor": 4, "rope_theta": 500000 """, StringComparison.Ordinal) + "}",
            64, (0, 1.0), (14, 0.0032114459947525913), (15, 0.001290547928209264), (16, 0.00042955679655936815), (17, 9.70828780262767e-05),
            (18, 1.9461638184831125e-05), (31, 9.418306725434909e-08));

    [Fact]
    public void Yarn_scaling()
    {
        // Qwen2.5's long form
        const string Qwen = """ "max_position_embeddings": 131072, "rope_theta": 1000000.0 """;
        (int, double)[] expected =
        [
            (0, 1.0), (10, 0.1154781984689458), (22, 0.008659643233600653), (24, 0.005375321490790102), (30, 0.0010643609812470017),
            (36, 0.00017984115587395423), (40, 4.445698525097307e-05), (41, 3.582531425592407e-05), (50, 5.133812566142866e-06), (63, 3.102344401879299e-07),
        ];
        Frequencies($$"""{ {{Qwen}}, "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768} }""", 128, expected);
        // without a factor, the ratio of the contexts is one
        Frequencies($$"""{ {{Qwen}}, "rope_scaling": {"rope_type": "yarn", "original_max_position_embeddings": 32768} }""", 128, expected);

        const string DeepSeek = """ "max_position_embeddings": 163840, "rope_theta": 10000 """;
        Frequencies($$"""{ {{DeepSeek}}, "rope_scaling": {"rope_type": "yarn", "factor": 40, "original_max_position_embeddings": 4096} }""", 64,
            (0, 1.0), (5, 0.23713737056616555), (8, 0.1), (11, 0.03900692656714386), (15, 0.008334508951020777), (20, 0.0007905694150420945), (31, 3.33380358040831e-06));
        Frequencies($$"""{ {{DeepSeek}}, "rope_scaling": {"rope_type": "yarn", "factor": 40, "original_max_position_embeddings": 4096, "truncate": false} }""", 64,
            (8, 0.1), (11, 0.04036758449441141), (15, 0.008446235311291834), (20, 0.0007226383418941806), (31, 3.33380358040831e-06));
        // every rotated dimension interpolated but the first: the correction range ends at the head
        Frequencies(File.ReadAllText(TestFiles.Data("conformance", "llama-yarn", "config.json")), 16,
            (0, 1.0), (1, 0.19764235376052372), (2, 0.025), (3, 0.007905694150420948), (7, 7.905694150420948e-05));
    }

    [Theory]
    [InlineData("", 1.3688879454113936)] // 0.1 ln 40 + 1
    [InlineData(""", "mscale": 1.0, "mscale_all_dim": 0.707""", 1.0857263992561355)]
    [InlineData(""", "mscale": 0.707, "mscale_all_dim": 0.707""", 1.0)]
    [InlineData(""", "attention_factor": 1.25, "mscale": 1.0, "mscale_all_dim": 0.707""", 1.25)]
    public void Yarn_scales_cosine_and_sine(string more, double factor)
    {
        string json = """{"max_position_embeddings": 163840, "rope_scaling": {"rope_type": "yarn", "factor": 40, "original_max_position_embeddings": 4096MORE} }""".Replace("MORE", more, StringComparison.Ordinal);
        var (cos, sin) = RotaryEmbedding.Create(TinyModel.LoadConfig(json), 64).Table(2);
        Assert.Equal(factor, cos[0], 1e-6);
        Assert.Equal(0f, sin[0]);
        Assert.Equal(factor * Math.Sin(1), sin[32], 1e-6);
    }

    [Fact]
    public void Dynamic_NTK_is_plain_up_to_the_context_and_grows_with_each_longer_sequence()
    {
        string json = $$"""{ {{Base}}, "rope_scaling": {"type": "dynamic", "factor": 2} }""";
        var rope = RotaryEmbedding.Create(TinyModel.LoadConfig(json), 8);
        Assert.Equal(128, rope.FixedUpTo);
        Frequencies(rope, 128, (0, 1), (1, 0.1), (2, 0.01), (3, 0.001));
        Frequencies(rope, 129, (0, 1), (1, 0.0994845269278865), (2, 0.009897171098065373), (3, 0.0009846153846153846));
        Frequencies(rope, 256, (0, 1), (1, 0.06933612743506347), (2, 0.004807498567691361), (3, 0.0003333333333333334));
    }

    [Theory]
    // Phi-3 has the trained context beside the parameters, and its absent one is 4096, whatever the parameters say
    [InlineData(""" "model_type": "phi3", "original_max_position_embeddings": 4096, "rope_scaling": {"type": "longrope", FACTORS} """)]
    [InlineData(""" "model_type": "phi3", "rope_scaling": {"type": "su", "original_max_position_embeddings": 77, FACTORS} """)]
    [InlineData(""" "model_type": "phi3", "rope_parameters": {"rope_type": "yarn", FACTORS} """)]
    // any other family by the parameters' own
    [InlineData(""" "model_type": "llama", "rope_parameters": {"rope_type": "longrope", "original_max_position_embeddings": 4096, FACTORS} """)]
    // a factor beats the ratio of the contexts
    [InlineData(""" "model_type": "llama", "rope_scaling": {"rope_type": "longrope", "factor": 32, "original_max_position_embeddings": 4096, FACTORS} """, 8192)]
    public void Long_RoPE_has_divisors_for_sequences_within_the_trained_context_and_for_longer_ones(string keys, int context = 131072)
    {
        keys = keys.Replace("FACTORS", """ "short_factor": [1, 1.5, 2, 4], "long_factor": [1, 2, 8, 64] """, StringComparison.Ordinal);
        var rope = RotaryEmbedding.Create(TinyModel.LoadConfig($$"""{ "max_position_embeddings": {{context}}, {{keys}} }"""), 8);
        Assert.Equal(4096, rope.FixedUpTo);
        Frequencies(rope, 4096, (0, 1), (1, 0.1 / 1.5), (2, 0.005), (3, 0.00025));
        Frequencies(rope, 4097, (0, 1), (1, 0.05), (2, 0.00125), (3, 0.000015625));
        Assert.Equal(1.1902380714238083, rope.Table(1).Cos[0], 1e-6); // sqrt(1 + ln 32 / ln 4096)
    }

    [Fact]
    public void Gemma_3_has_parameters_for_each_type_of_layer()
    {
        const string Nested = """ "rope_parameters": {"full_attention": {"rope_theta": 256}, "sliding_attention": {"rope_theta": 16}} """;
        Both($$"""{ {{Base}}, {{Nested}} }""", 0.25, 0.5);
        Both($$"""{ {{Base}}, "rope_theta": 256, "rope_local_base_freq": 16 }""", 0.25, 0.5);
        Both($$"""{ {{Base}} }""", 0.03162277660168379, 0.1);
        // scaling is for the global layers; nested parameters beat a top-level theta
        Both($$"""{ {{Base}}, {{Nested}}, "rope_theta": 3, "rope_local_base_freq": 3, "rope_scaling": {"rope_type": "linear", "factor": 2} }""", 0.125, 0.5);
        Assert.Contains("has 'rope_theta' in its rope_parameters; one set of them for each layer type", Assert.Throws<CheckpointException>(() =>
            RotaryEmbedding.CreateFor(BlockPattern.Local, TinyModel.LoadConfig($$"""{ {{Base}}, "rope_parameters": {"rope_theta": 16} }"""), 8)).Message, StringComparison.Ordinal);

        static void Both(string json, double global, double local)
        {
            Frequencies(RotaryEmbedding.CreateFor(BlockPattern.Global, TinyModel.LoadConfig(json), 8), 2, (1, global));
            Frequencies(RotaryEmbedding.CreateFor(BlockPattern.Local, TinyModel.LoadConfig(json), 8), 2, (1, local));
        }
    }

    [Fact]
    public void The_table_is_row_major_and_rounds_its_angles_to_float()
    {
        var rope = RotaryEmbedding.Create(TinyModel.LoadConfig("{" + Base + "}"), 8);
        Assert.Equal(8, rope.Dimension);
        var (cos, sin) = rope.Table(50001);
        Assert.Equal((50001 * 4, 50001 * 4), (cos.Length, sin.Length));
        Assert.Equal(MathF.Cos(0.3f), cos[3 * 4 + 1], 1e-6f);
        Assert.Equal(MathF.Sin(0.03f), sin[3 * 4 + 2], 1e-6f);
        Assert.Equal(Math.Cos((double)(50000 * 0.1f)), cos[50000 * 4 + 1], 1e-7);
    }

    [Theory]
    [InlineData(""" "rope_scaling": {"rope_type": "proportional", "factor": 4} """, "rope_type 'proportional', which is not supported; supported are default, linear, dynamic, llama3, longrope and yarn")]
    [InlineData(""" "rope_scaling": {"type": "su", "factor": 4} """, "rope_type 'su', which is not supported")]
    [InlineData(""" "rope_scaling": {"type": "dynamic"} """, "has no number 'factor'")]
    [InlineData(""" "rope_scaling": {"type": "longrope", "long_factor": [1,1,1,1]} """, "has no array of numbers 'short_factor'")]
    [InlineData(""" "rope_scaling": {"type": "longrope", "long_factor": [1,1,1,1], "short_factor": [1,"1",1,1]} """, "has no array of numbers 'short_factor'")]
    [InlineData(""" "rope_scaling": {"type": "longrope", "long_factor": [1,1,1], "short_factor": [1,1,1,1]} """, "long_factor has 3 numbers; 4, half of the 8 rotated dimensions, are expected")]
    [InlineData(""" "rope_scaling": {"type": "longrope", "long_factor": [1,1,1,1], "short_factor": [1,0,1,1]} """, "must be positive")]
    [InlineData(""" "rope_scaling": {"type": "linear"} """, "has no number 'factor'")]
    [InlineData(""" "rope_scaling": {"type": "linear", "factor": "4"} """, "factor \"4\"; a number is expected")]
    [InlineData(""" "rope_scaling": {"type": 4} """, "type 4; a string is expected")]
    [InlineData(""" "rope_scaling": {"type": "linear", "factor": 0} """, "must be positive")]
    [InlineData(""" "rope_scaling": {"type": "linear", "factor": -2} """, "must be positive")]
    [InlineData(""" "rope_theta": 0 """, "must be positive")]
    [InlineData(""" "rope_theta": -10000 """, "must be positive")]
    [InlineData(""" "rope_theta": "10000" """, "rope_theta \"10000\"; a number is expected")]
    [InlineData(""" "rope_scaling": {"type": "yarn", "factor": 4, "original_max_position_embeddings": 0} """, "must be positive")]
    [InlineData(""" "rope_scaling": {"type": "llama3", "factor": 4, "low_freq_factor": 1} """, "has no number 'high_freq_factor'")]
    [InlineData(""" "rope_parameters": {"full_attention": {"rope_theta": 16}, "sliding_attention": {"rope_theta": 4}} """, "nests its RoPE settings ('full_attention')")]
    public void What_cannot_be_meant_is_refused_by_name(string keys, string says)
    {
        var config = TinyModel.LoadConfig($$"""{ {{Base}}, {{keys}} }""");
        Assert.Contains(says, Assert.Throws<CheckpointException>(() => RotaryEmbedding.Create(config, 8)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_odd_number_of_dimensions_is_refused() =>
        Assert.Contains("over 7 dimensions", Assert.Throws<CheckpointException>(() => RotaryEmbedding.Create(TinyModel.LoadConfig("{" + Base + "}"), 7)).Message, StringComparison.Ordinal);

    private static void Frequencies(string json, int dimension, params (int Index, double Value)[] expected) =>
        Frequencies(RotaryEmbedding.Create(TinyModel.LoadConfig(json), dimension), 2, expected);

    private static void Frequencies(RotaryEmbedding rope, int length, params (int Index, double Value)[] expected) =>
        Assert.All(expected, pair => Assert.Equal(1, Angle(rope, pair.Index, length) / pair.Value, 2e-6));

    /// <summary>The frequency: the angle at position 1.</summary>
    private static float Angle(RotaryEmbedding rope, int index, int length = 2)
    {
        var (cos, sin) = rope.Table(length);
        int at = rope.Dimension / 2 + index;
        return MathF.Atan2(sin[at], cos[at]);
    }
}
