using System.Text.Json.Serialization;

namespace Sleb.Core.Search;

/// <summary>What matrix products are computed in. Logits and losses are float32, sums double, in any.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Arithmetic>))]
public enum Arithmetic
{
    /// <summary>IEEE float32.</summary>
    [JsonStringEnumMemberName("fp32")] Fp32,

    /// <summary>bfloat16 factors: a loss is then a screening value, and float32 decides among those that are close.</summary>
    [JsonStringEnumMemberName("bf16")] Bf16,

    /// <summary>
    /// What a candidate changes goes through in eight bits, beside the products of the model it is a candidate of, and its loss comes from a
    /// sample of the vocabulary: a screening value as well. On the CPU, with the whole model in memory.
    /// </summary>
    [JsonStringEnumMemberName("int8")] Int8,

    /// <summary>The same, with attention's products in bfloat16 instead of float32.</summary>
    [JsonStringEnumMemberName("int8-bf16")] Int8Bf16,
}
