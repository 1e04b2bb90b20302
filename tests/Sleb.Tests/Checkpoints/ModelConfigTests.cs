using Sleb.Core.Checkpoints;
using Sleb.Core.Families;

namespace Sleb.Tests.Checkpoints;

/// <summary>Fields of config.json: what is taken, and what is said of a value that cannot be meant.</summary>
public sealed class ModelConfigTests
{
    private static readonly Dictionary<string, Func<ModelConfig, object?>> Fields = new()
    {
        ["heads"] = config => config.NumAttentionHeads,
        ["shared"] = config => config.NumKeyValueHeads,
        ["size"] = config => config.HeadDim,
        ["layers"] = config => config.NumHiddenLayers,
        ["type"] = config => config.ModelType,
        ["eos"] = config => config.EosTokenIds,
        ["bos"] = config => config.BosTokenId,
        ["tied"] = config => config.Bool("tie_word_embeddings", false),
        ["eps"] = config => config.Number("rms_norm_eps", 1e-6),
        ["rope"] = config => config.Object("rope_scaling"),
    };

    [Theory]
    [InlineData("heads", """{"num_attention_heads":0}""", "num_attention_heads 0; a positive integer is expected")]
    [InlineData("heads", """{"num_attention_heads":-4}""", "num_attention_heads -4; a positive integer is expected")]
    [InlineData("size", """{"hidden_size":64,"num_attention_heads":0}""", "num_attention_heads 0; a positive integer is expected")]
    [InlineData("size", """{"hidden_size":65,"num_attention_heads":4}""", "hidden_size 65, which its num_attention_heads 4 does not divide, and no head_dim")]
    [InlineData("size", """{"hidden_size":2,"num_attention_heads":4}""", "hidden_size 2, which its num_attention_heads 4 does not divide")]
    [InlineData("size", """{"num_attention_heads":4}""", "has no hidden_size")]
    [InlineData("shared", """{"num_attention_heads":4,"num_key_value_heads":3}""", "num_attention_heads 4 and num_key_value_heads 3; the first must be a multiple of the second")]
    [InlineData("shared", """{"num_attention_heads":4,"num_key_value_heads":8}""", "num_key_value_heads 8; the first must be a multiple")]
    [InlineData("layers", """{"num_hidden_layers":"5"}""", "num_hidden_layers \"5\"; an integer is expected")]
    [InlineData("layers", """{"num_hidden_layers":5.5}""", "num_hidden_layers 5.5; an integer is expected")]
    [InlineData("layers", """{"num_hidden_layers":99999999999}""", "num_hidden_layers 99999999999; an integer is expected")]
    [InlineData("layers", """{"num_hidden_layers":[5]}""", "num_hidden_layers [5]; an integer is expected")]
    [InlineData("layers", """{"num_hidden_layers":null}""", "has no num_hidden_layers")]
    [InlineData("type", """{}""", "has no model_type")]
    [InlineData("type", """{"model_type":7}""", "model_type 7; a string is expected")]
    [InlineData("eos", """{"eos_token_id":"2"}""", "eos_token_id \"2\"; a token id or an array of token ids is expected")]
    [InlineData("eos", """{"eos_token_id":[1,"2"]}""", "eos_token_id [1,\"2\"]; a token id")]
    [InlineData("eos", """{"eos_token_id":[1,null]}""", "eos_token_id [1,null]; a token id")]
    [InlineData("eos", """{"eos_token_id":[1,[2]]}""", "eos_token_id [1,[2]]; a token id")]
    [InlineData("eos", """{"eos_token_id":1.5}""", "eos_token_id 1.5; a token id")]
    [InlineData("bos", """{"bos_token_id":{}}""", "bos_token_id {}; a token id")]
    [InlineData("tied", """{"tie_word_embeddings":"yes"}""", "tie_word_embeddings \"yes\"; true or false is expected")]
    [InlineData("eps", """{"rms_norm_eps":"1e-5"}""", "rms_norm_eps \"1e-5\"; a number is expected")]
    [InlineData("eps", """{"rms_norm_eps":1e999}""", "rms_norm_eps 1e999; a number that fits a double is expected")]
    [InlineData("rope", """{"rope_scaling":"linear"}""", "rope_scaling \"linear\"; an object is expected")]
    public void A_value_that_cannot_be_meant_is_named_with_found_and_expected(string field, string json, string says)
    {
        var config = TinyModel.LoadConfig(json);
        string message = Assert.Throws<CheckpointException>(() => Fields[field](config)).Message;
        Assert.Contains("config.json has ", message, StringComparison.Ordinal);
        Assert.Contains(says, message, StringComparison.Ordinal);
        Assert.EndsWith(".", message);
    }

    [Fact]
    public void A_long_value_is_quoted_in_part()
    {
        var config = TinyModel.LoadConfig($$"""{"model_type":[{{string.Join(',', Enumerable.Range(0, 10000))}}]}""");
        Assert.True(Assert.Throws<CheckpointException>(() => config.ModelType).Message.Length < 300);
    }

    [Fact]
    public void Absent_fields_mean_what_transformers_has_them_mean()
    {
        var config = TinyModel.LoadConfig("""{"hidden_size":64,"num_attention_heads":4}""");
        Assert.Equal((4, 16), (config.NumKeyValueHeads, config.HeadDim));
        Assert.Equal(32, TinyModel.LoadConfig("""{"hidden_size":65,"num_attention_heads":4,"head_dim":32}""").HeadDim);
        Assert.Equal(16, TinyModel.LoadConfig("""{"hidden_size":64,"num_attention_heads":4,"head_dim":null}""").HeadDim);
        Assert.Empty(config.EosTokenIds);
        Assert.Null(config.BosTokenId);
        Assert.Null(config.PadTokenId);
    }

    [Fact]
    public void Token_ids_come_from_the_generation_config_first()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], """{"eos_token_id":2,"bos_token_id":1,"pad_token_id":-1}""");
        var config = ModelConfig.Load(folder.Path);
        Assert.Equal([2], config.EosTokenIds);
        Assert.Equal(1, config.BosTokenId);
        Assert.Null(config.PadTokenId);

        File.WriteAllText(folder["generation_config.json"], """{"eos_token_id":[7,8],"bos_token_id":[],"pad_token_id":0}""");
        config = ModelConfig.Load(folder.Path);
        Assert.Equal([7, 8], config.EosTokenIds);
        Assert.Equal(1, config.BosTokenId);
        Assert.Equal(0, config.PadTokenId);

        File.WriteAllText(folder["generation_config.json"], """{"eos_token_id":[true]}""");
        string message = Assert.Throws<CheckpointException>(() => ModelConfig.Load(folder.Path).EosTokenIds).Message;
        Assert.Contains("generation_config.json has eos_token_id [true]", message, StringComparison.Ordinal);
    }
}
